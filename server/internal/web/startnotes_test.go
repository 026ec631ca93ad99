package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func TestNotesOf(t *testing.T) {
	seen := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		kind    model.Presence
		load    relay.Load
		turns   int
		perWeek int
		want    []string
	}{
		{"nothing to say", model.PresenceOnline, relay.Load{}, 1, 2, nil},
		{"away is usual", model.PresenceAway, relay.Load{}, 1, 2, nil},
		{"dark", model.PresenceDark, relay.Load{}, 1, 2, []string{"Silent; a whisper waits here until it is back. Last seen"}},
		{"never online", model.PresenceNever, relay.Load{}, 1, 2, []string{"Was never online; a whisper waits here until it is."}},
		{"busy", model.PresenceOnline, relay.Load{Waiting: 3}, 1, 0, []string{"Has 3 turns waiting."}},
		{"asked often enough this week", model.PresenceOnline, relay.Load{Asked: 2}, 1, 2, []string{"May wait about 1 week: asked at most twice a week."}},
		{"room for one more", model.PresenceOnline, relay.Load{Asked: 1}, 1, 2, nil},
		{"but not for two", model.PresenceOnline, relay.Load{Asked: 1}, 2, 2, []string{"May wait about 1 week: asked at most twice a week."}},
		{"much is planned", model.PresenceOnline, relay.Load{Waiting: 1, Asked: 1, Planned: 4}, 1, 2, []string{"Has 1 turn waiting.", "May wait about 2 weeks: asked at most twice a week."}},
		{"without a bound", model.PresenceOnline, relay.Load{Asked: 50, Planned: 50}, 9, 0, nil},
	} {
		var got []string
		for _, n := range notesOf(presence{Kind: tt.kind, Seen: seen}, tt.load, tt.turns, tt.perWeek) {
			got = append(got, n.Text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What a whisper would wait for stands on the page before it starts.
func TestStart_warns(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleAdmin)
	boxes := r.enrol(v.actor, "ann", "bob")
	p, err := r.relay.CreateProject(t.Context(), v.actor, model.Project{Title: "Shore", Forwarding: model.ForwardStraight, Settings: model.ProjectSettings{TurnsPerWeek: 1}})
	r.must(err)
	at := "/projects/" + p.ID + "/start"
	r.must(r.relay.SeenMany(t.Context(), map[string]model.Sighting{boxes[1]: {At: r.clock(), Connected: true}}))
	r.pass(30 * time.Hour)
	r.start(v.actor, p, "Tides", boxes[0])
	page := v.get(at)
	page.has(t, http.StatusOK, "a box is asked at most once in seven days", "Was never online", "Silent; a whisper waits here", "Has 1 turn waiting.")
	form := url.Values{"title": {"Tides"}, "count": {"2"}, "key": {"k1"}, "design": {"shuffle"}, "step": {"preview"}, "box": {boxes[0]}, "alt": {"Gulls"}}
	page = v.post(at, form)
	page.has(t, http.StatusOK, `id="warnings"`, "May wait about 1 week", `value="Gulls"`)
	_, warnings, _ := strings.Cut(page.body, `id="warnings"`)
	if strings.Contains(warnings, "<strong><bdi>bob") {
		t.Error("a box that is not chosen is warned of")
	}
}

// An order of one's own is made by buttons alone, without a script.
func TestStart_movesBoxes(t *testing.T) {
	r := newRig(t)
	v := r.signedIn("ada@example.org", model.RoleAdmin)
	boxes := r.enrol(v.actor, "ann", "bob", "cyd", "dot")
	at := "/projects/" + r.project(v.actor, "Shore", model.ForwardStraight).ID + "/start"
	form := url.Values{"title": {"Tides"}, "count": {"1"}, "key": {"k1"}, "design": {"fixed"}, "box": boxes[:3]}
	places := regexp.MustCompile(`name="place-[^"]*" inputmode="numeric" size="3" maxlength="3" value="([^"]*)"`)
	names := regexp.MustCompile(`<label for="box-[^"]*"><bdi>([a-z]+)</bdi>`)
	move := func(step string) string {
		form.Set("step", step)
		page := v.post(at, form)
		page.has(t, http.StatusOK)
		var order []string
		found := names.FindAllStringSubmatch(page.body, -1)
		for i, m := range places.FindAllStringSubmatch(page.body, -1) {
			order = append(order, found[i][1]+m[1])
			form.Set("place-"+boxes[slices.Index([]string{"ann", "bob", "cyd", "dot"}, found[i][1])], m[1])
		}
		if n := strings.Count(page.body, " autofocus"); step != "preview" && n != 1 {
			t.Errorf("%s: %d places have the focus", step, n)
		}
		return strings.Join(order, " ")
	}
	for _, tt := range []struct{ step, want string }{
		{"preview", "ann1 bob2 cyd3 dot"},
		{"up:" + boxes[2], "ann1 cyd2 bob3 dot"},
		{"up:" + boxes[2], "cyd1 ann2 bob3 dot"},
		{"up:" + boxes[2], "cyd1 ann2 bob3 dot"},
		{"down:" + boxes[2], "ann1 cyd2 bob3 dot"},
		{"down:" + boxes[1], "ann1 cyd2 bob3 dot"},
		{"up:" + boxes[3], "ann1 cyd2 dot3 bob4"}, // moving a box chooses it
	} {
		if got := move(tt.step); got != tt.want {
			t.Errorf("%.6s: %q, want %q", tt.step, got, tt.want)
		}
	}
}
