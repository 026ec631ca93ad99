package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// A turn stalls: the page says what and why, and each button does its one thing once.
func TestDecide_page(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	w := r.start(v.actor, r.project(v.actor, "Harbour", model.ForwardPause), "Gulls", r.enrol(admin.actor, "ann", "ben")...)
	r.enrol(admin.actor, "spare <b>")
	at := "/whispers/" + w.ID
	form := func(do string) url.Values {
		t.Helper()
		got, err := r.relay.Whisper(t.Context(), v.actor, w.ID)
		r.must(err)
		for _, h := range got.Whisper.Hops {
			if h.State.AtBox() {
				return url.Values{"hop": {h.ID}, "epoch": {"1"}, "decisions": {string(rune('0' + h.Course.Decisions))}, "do": {do}, "why": {"ill"}}
			}
		}
		t.Fatal("no box has the whisper")
		return nil
	}
	page := v.get(at + "/decide")
	page.has(t, http.StatusOK, "What shall become of this turn?", "Wait longer", "Pass this turn over", "Let the next box go first", "spare &lt;b&gt;", "End the whole whisper")
	checkPage(t, "decide", page.body)
	v.get(at).has(t, http.StatusOK, "Change this turn")
	look := form("find")
	look.Set("find", "SPARE")
	v.post(at+"/decide", look).has(t, http.StatusOK, `value="SPARE"`, "spare &lt;b&gt;</option>", `value="ill"`)
	look.Set("find", "nobody")
	v.post(at+"/decide", look).has(t, http.StatusOK, "No other box has this in its name")
	wait := form("wait")
	v.post(at+"/decide", wait).has(t, http.StatusSeeOther)
	v.post(at+"/decide", wait).has(t, http.StatusUnprocessableEntity, "has changed since the page was loaded")
	long := form("skip")
	long.Set("why", strings.Repeat("x", 201))
	v.post(at+"/decide", long).has(t, http.StatusUnprocessableEntity, "This reason is too long")
	v.post(at+"/decide", form("skip")).has(t, http.StatusSeeOther)
	v.get(at).has(t, http.StatusOK, "Reason: ill.", "</bdi> passed over the turn of <bdi>")
	v.post(at+"/decide", form("postpone")).has(t, http.StatusUnprocessableEntity, "No turn comes after this one")
	v.post(at+"/decide", url.Values{"do": {"skip"}}).has(t, http.StatusUnprocessableEntity)
	v.post(at+"/decide", form("end")).has(t, http.StatusSeeOther)
	v.get(at+"/decide").has(t, http.StatusOK, "There is nothing to decide here now")

	stranger := r.signedIn("eve@example.org", model.RoleResearcher)
	stranger.get(at+"/decide").has(t, http.StatusNotFound)
	stranger.post(at+"/decide", wait).has(t, http.StatusNotFound)
}

func TestDecide_leadsFromTheWhisper(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	boxes := r.enrol(admin.actor, "ann", "ben")
	w := r.start(v.actor, r.project(v.actor, "Harbour", model.ForwardPause), "Gulls", boxes...)
	last := w.Hops[1]
	admin.post("/boxes/"+last.DeviceID+"/revoke", nil).has(t, http.StatusSeeOther)
	at := "/whispers/" + w.ID
	v.get(at).has(t, http.StatusOK, "Decide what to do", "/decide?hop="+last.ID, "the box was removed")
	page := v.get(at + "/decide")
	page.has(t, http.StatusOK, "This box was removed and cannot answer any more", `value="`+last.ID+`"`)
	checkPage(t, "decide", page.body)
}

func TestPlanNote(t *testing.T) {
	r := newRig(t)
	now := r.clock()
	h := model.Hop{Position: 2, State: model.HopPlanned}
	h.Course.Planned, h.Course.NotBefore = 1, now.Add(48*time.Hour)
	wh := model.Whisper{StartedAt: now, Policy: model.Policy{TurnsPerWeek: 2}, Hops: []model.Hop{h}}
	got := r.web.planNote(relay.View{Whisper: wh}, h)
	for _, want := range []string{"Drawn as turn 1.", "Waits until ", "2 turns in seven days"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	if got := whyWord(relay.WhyNoAnswer); got == relay.WhyNoAnswer {
		t.Errorf("the clock's reason reads %q", got)
	}
}

// Boxes that cannot be chosen take no place from those that can.
func TestPickers_offerBoxesBehindOthers(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	var names []string
	for i := range boxList + 1 {
		names = append(names, fmt.Sprintf("a%02d", i))
	}
	first := r.enrol(admin.actor, names...)
	r.enrol(admin.actor, "zoe")
	p := r.project(v.actor, "Harbour", model.ForwardPause)
	w := r.start(v.actor, p, "Gulls", first...)
	v.get("/whispers/"+w.ID+"/decide").has(t, http.StatusOK, "Give the turn to another box", "zoe</option>")
	at := "/projects/" + p.ID + "/start"
	v.post(at, url.Values{"box": first[:3], "step": {"preview"}, "count": {"1"}}).has(t, http.StatusOK, "Move "+names[boxList]+" up", "Move zoe up")
	v.post(at, url.Values{"box": first[:1], "step": {"preview"}, "count": {"1"}}).has(t, http.StatusOK, "Find a box")
	for _, id := range first {
		admin.post("/boxes/"+id+"/revoke", nil).has(t, http.StatusSeeOther)
	}
	v.get(at).has(t, http.StatusOK, "Move zoe up")
}
