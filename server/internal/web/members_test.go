package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

func TestMembers(t *testing.T) {
	r := newRig(t)
	owner := r.signedIn("owner@example.org", model.RoleResearcher)
	other := r.signedIn("other@example.org", model.RoleResearcher)
	p := r.project(owner.actor, "Shore", model.ForwardStraight)
	at := "/projects/" + p.ID
	other.get(at).has(t, http.StatusNotFound)
	owner.post(at+"/people", url.Values{"email": {"other@example.org"}, "role": {"viewer"}}).has(t, http.StatusOK, "had an account", "other@example.org")
	owner.post(at+"/people", url.Values{"email": {"new@example.org"}, "role": {"moderator"}}).has(t, http.StatusOK, "The invitation is made", "/join#", "As moderator")
	owner.post(at+"/people", url.Values{"email": {"nonsense"}, "role": {"viewer"}}).has(t, http.StatusUnprocessableEntity, "not an e-mail address", `value="nonsense"`)
	// A viewer sees who is there and the course, and settles nothing.
	seen := other.get(at + "/people")
	seen.has(t, http.StatusOK, "owner@example.org", "Leave the project")
	if strings.Contains(seen.body, "Invite somebody") {
		t.Error("a viewer may invite")
	}
	project := other.get(at)
	project.has(t, http.StatusOK, "Export")
	for _, link := range []string{at + "/start", at + "/settings", at + "/mails"} {
		if strings.Contains(project.body, link) {
			t.Errorf("a viewer is shown %s", link)
		}
		other.get(link).has(t, http.StatusForbidden)
	}
	change := "/people/" + other.actor.UserID
	other.post(at+change, url.Values{"role": {"owner"}}).has(t, http.StatusForbidden)
	owner.post(at+change, url.Values{"role": {"king"}}).has(t, http.StatusUnprocessableEntity)
	owner.post(at+change, url.Values{"role": {"researcher"}, "end": {r.clock().UTC().Format(time.DateOnly)}}).has(t, http.StatusSeeOther)
	other.get(at+"/start").has(t, http.StatusOK)
	r.pass(25 * time.Hour)
	owner.get(at+"/people").has(t, http.StatusOK, "researcher, over")
	other.get(at).has(t, http.StatusNotFound)
	// The last owner stays; with a second one, one may go.
	self := "/people/" + owner.actor.UserID
	owner.post(at+self+"/remove", nil).has(t, http.StatusUnprocessableEntity, "keeps one owner")
	owner.post(at+self, url.Values{"role": {"viewer"}}).has(t, http.StatusUnprocessableEntity, "keeps one owner")
	owner.post(at+change, url.Values{"role": {"owner"}}).has(t, http.StatusSeeOther)
	owner.post(at+self+"/remove", nil).has(t, http.StatusSeeOther)
	owner.get(at).has(t, http.StatusNotFound)
	other.get(at+"/people").has(t, http.StatusOK)
}

func TestSettings(t *testing.T) {
	r := newRig(t)
	owner := r.signedIn("owner@example.org", model.RoleResearcher)
	p := r.project(owner.actor, "Shore", model.ForwardStraight)
	at := "/projects/" + p.ID + "/settings"
	owner.get(at).has(t, http.StatusOK, `value="24"`, `value="72"`, "You decide")
	good := url.Values{
		"title": {"Küste"}, "forwarding": {"after_pause"}, "minutes": {"20"}, "remind": {"12"}, "ask": {"24.5"}, "skip": {"0"}, "mode": {"auto"},
		"turns": {"3"}, "zone": {"Europe/Berlin"}, "wake": {"07:30"}, "bed": {"22:00"}, "sender_name": {"Küstenstudie"}, "reply_to": {"Team@Example.org"}, "digest": {"yes"},
	}
	for field, wrong := range map[string]string{
		"title": " ", "minutes": "x", "remind": "-1", "ask": "1", "skip": "2", "mode": "dice", "turns": "1000", "zone": "Mars/Olympus",
		"wake": "25:00", "bed": "9", "reply_to": "nobody", "sender_name": "a\nb",
	} {
		got := owner.post(at, with(good, field, wrong))
		got.has(t, http.StatusUnprocessableEntity, field+"-problem")
	}
	if now, err := r.relay.Project(t.Context(), owner.actor, p.ID); err != nil || now.Title != "Shore" {
		t.Fatalf("a wrong form changed %+v, %v", now, err)
	}
	owner.post(at, good).has(t, http.StatusSeeOther)
	now, err := r.relay.Project(t.Context(), owner.actor, p.ID)
	r.must(err)
	want := model.ProjectSettings{
		Deadlines:    model.Deadlines{Remind: 12 * time.Hour, Ask: 24*time.Hour + 30*time.Minute, Mode: model.SkipAuto},
		TurnsPerWeek: 3, Hours: model.Hours{Zone: "Europe/Berlin", Wake: "07:30", Bed: "22:00"},
		SenderName: "Küstenstudie", ReplyTo: "team@example.org", Digest: true,
	}
	if now.Settings != want || now.Title != "Küste" || now.Hold != 20*time.Minute {
		t.Errorf("kept %+v", now)
	}
	owner.get(at).has(t, http.StatusOK, `value="24.5"`, `value="Europe/Berlin"`)
	r.signedIn("other@example.org", model.RoleResearcher).get(at).has(t, http.StatusNotFound)
}

// Boxes beyond one page are found by name, and a start keeps what was chosen.
func TestBoxes_search(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("admin@example.org", model.RoleAdmin)
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprintf("home %02d", i))
	}
	ids := r.enrol(admin.actor, names...)
	first := admin.get("/boxes")
	first.has(t, http.StatusOK, "home 00", "More boxes", "/boxes?after=home&#43;19&amp;find=")
	if strings.Contains(first.body, ids[24]) {
		t.Error("the first page has all")
	}
	admin.get("/boxes?after=home+19").has(t, http.StatusOK, "home 20", "home 24", "All boxes")
	admin.get("/boxes?find=E+24").has(t, http.StatusOK, "home 24")
	admin.get("/boxes?find=nothing").has(t, http.StatusOK, "No box has this in its name")
	at := "/projects/" + r.project(admin.actor, "Shore", model.ForwardStraight).ID + "/start"
	admin.get(at).has(t, http.StatusOK, "Find a box", "There are more boxes than these")
	found := admin.post(at, url.Values{"step": {"find"}, "find": {"24"}, "box": {ids[3]}, "title": {"Tides"}})
	found.has(t, http.StatusOK, "home 24", "home 03", `value="Tides"`, `id="box-`+ids[3]+`" name="box" value="`+ids[3]+`" checked`)
	if strings.Contains(found.body, "home 05") {
		t.Error("the search finds what does not match")
	}
}

// A viewer sees the course of a whisper, and neither voices, pictures nor buttons.
func TestWhisper_viewer(t *testing.T) {
	r := newRig(t)
	owner := r.signedIn("owner@example.org", model.RoleResearcher)
	viewer := r.signedIn("viewer@example.org", model.RoleResearcher)
	ids := r.enrol(model.Actor{UserID: owner.actor.UserID, Role: model.RoleAdmin}, "ann", "bob")
	p := r.project(owner.actor, "Shore", model.ForwardStraight)
	w := r.start(owner.actor, p, "Tides", ids...)
	r.answer(w, 1, "words")
	owner.post("/projects/"+p.ID+"/people", url.Values{"email": {"viewer@example.org"}, "role": {"viewer"}}).has(t, http.StatusOK)
	owner.get("/whispers/"+w.ID).has(t, http.StatusOK, "<audio", "/pause", "Play all in order", "/export?whisper="+w.ID)
	seen := viewer.get("/whispers/" + w.ID)
	seen.has(t, http.StatusOK, "1 of 2 answered", "sees the course", "/export?whisper="+w.ID)
	for _, part := range []string{"<audio", "<img", "/media/", "/pause", "/end", "Play all"} {
		if strings.Contains(seen.body, part) {
			t.Errorf("a viewer is shown %q", part)
		}
	}
}
