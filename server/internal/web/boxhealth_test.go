package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// says lets a box tell how it is.
func (r *rig) says(box string, st protocol.Status) {
	r.t.Helper()
	r.must(r.relay.SeenMany(r.t.Context(), map[string]model.Sighting{box: {At: r.clock(), Connected: true, Status: &st}}))
}

func healthy() protocol.Status {
	heat, dbm, level := 48.3, -72, -18.5
	settings := relay.SettingsOf(model.Site{})
	settings.Volume, settings.Buttons = 3, 1
	return protocol.Status{State: "IDLE", DiskFree: 12e9, Uptime: 90000, ClockSync: true, Settings: 1, InForce: &settings,
		Health: &protocol.Health{DiskTotal: 30e9, Temperature: &heat, WiFi: &dbm, MicLevel: &level, Undervoltage: protocol.Yes, Throttled: protocol.No,
			Microphone: "USB <Audio>", Speaker: "USB Audio", OS: "Debian GNU/Linux 13 (trixie)"}}
}

// The page has every line that the box's own status has, in the same words.
func TestBox_saysWhatTheBoxSays(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	id := r.enrol(admin.actor, "ann")[0]
	st := healthy()
	r.says(id, st)
	page := admin.get("/boxes/" + id)
	checkPage(t, "box", page.body)
	for _, l := range st.Lines() {
		words := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(l.Words)
		page.has(t, http.StatusOK, "<dt>"+l.Name+"</dt>", words)
	}
	page.has(t, http.StatusOK, "not yet taken over", "2 of 4", "3 of 4", "21:00 until 08:00")
	if n := strings.Count(page.body, "not yet taken over"); n != 1 {
		t.Errorf("%d settings are not yet taken over, want the volume alone", n)
	}
	if n := strings.Count(page.body, "state-bad"); n != 1 { // the power
		t.Errorf("%d facts are bad", n)
	}
	admin.get("/boxes").has(t, http.StatusOK, "needs help: Power<")
	old := healthy()
	old.Health, old.InForce = nil, nil
	r.says(id, old)
	admin.get("/boxes/"+id).has(t, http.StatusOK, "Its software tells no more", "the box knows them")
}

func TestBox_checksAndReports(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	v := r.signedIn("ada@example.org", model.RoleResearcher)
	id := r.enrol(admin.actor, "ann")[0]
	at := "/boxes/" + id
	r.must(r.relay.SetSite(t.Context(), admin.actor, id, model.Site{Hours: model.Hours{Zone: "UTC", Wake: "00:00", Bed: "00:00"}}))
	r.says(id, healthy())
	admin.post(at+"/ask", url.Values{"kind": {"check"}}).has(t, http.StatusSeeOther)
	page := admin.get(at + "?done=asked")
	page.has(t, http.StatusOK, "Asked. The result appears on this page.", "to look itself through")
	checkPage(t, "box", page.body)
	open, err := r.relay.Requests(t.Context(), id)
	r.must(err)
	for n, c := range []protocol.Check{
		{Kind: protocol.CheckSelfTest, Installer: "Robin & Co", Items: []protocol.CheckItem{
			{Part: "camera", Verdict: protocol.VerdictFailed, Text: "There is no <camera>.", Next: "Push its cable in."},
			{Part: "printer", Verdict: protocol.VerdictSkipped, Text: "There is none."}, {Part: "wifi", Verdict: protocol.VerdictWarn, Text: "Weak."}}},
		{Kind: protocol.CheckDoctor, Request: open[0].ID, Items: []protocol.CheckItem{{Part: "microphone", Verdict: protocol.VerdictOK, Text: "It hears."}}},
	} {
		c.ID, c.At = store.NewID(), r.clock()
		if _, err := r.relay.HandIn(t.Context(), id, c); err != nil {
			t.Fatal(n, err)
		}
		r.pass(time.Minute)
	}
	r.must(r.relay.Report(t.Context(), id, protocol.Report{ID: store.NewID(), Code: protocol.ReportSpeaker, At: r.clock(), Detail: "<gone>"}))
	for range recentReports {
		r.must(r.relay.Report(t.Context(), id, protocol.Report{ID: store.NewID(), Code: protocol.ReportPower, At: r.clock()}))
	}
	for _, who := range []*visitor{admin, v} {
		page = who.get(at)
		checkPage(t, "box", page.body)
		page.has(t, http.StatusOK, "All is fine.", "It hears.", "Earlier checks (1)", "1 part failed, 1 part is worth a look", "Robin &amp; Co stood there", "Push its cable in.",
			"Nothing can be heard from the speaker.", "Ring there: is its plug in?", "&lt;gone&gt;", "Earlier reports (1)")
		if strings.Contains(page.body, "to look itself through.") {
			t.Error("an answered request is still shown")
		}
	}
	if strings.Contains(v.get(at).body, "Check this box now") {
		t.Error("a researcher is offered to check a box")
	}
	v.post(at+"/ask", url.Values{"kind": {"check"}}).has(t, http.StatusForbidden)
	admin.post(at+"/ask", url.Values{"kind": {"dance"}}).has(t, http.StatusUnprocessableEntity)
	for part, want := range map[string]string{"now": "How it is", "past": "What it reported"} {
		got := admin.get(at+"?part="+part, "HX-Request", "true")
		got.has(t, http.StatusOK, want)
		checkFragment(t, part, got.body)
		if strings.Contains(got.body, "<html") {
			t.Errorf("%s is a whole page", part)
		}
	}
}

// At night a box speaks only where people there agreed.
func TestBox_askedAtNight(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	id := r.enrol(admin.actor, "ann")[0]
	at := "/boxes/" + id
	now := r.clock().UTC()
	hour := func(h int) string { return now.Add(time.Duration(h) * time.Hour).Format("15:04") }
	r.must(r.relay.SetSite(t.Context(), admin.actor, id, model.Site{Hours: model.Hours{Zone: "UTC", Wake: hour(6), Bed: hour(18)}}))
	r.says(id, healthy())
	admin.get(at).has(t, http.StatusOK, "It is quiet time at this box.")
	page := admin.post(at+"/ask", url.Values{"kind": {"practice"}})
	page.has(t, http.StatusUnprocessableEntity, `id="aloud-problem"`)
	checkPage(t, "box", page.body)
	admin.post(at+"/ask", url.Values{"kind": {"practice"}, "aloud": {"yes"}}).has(t, http.StatusSeeOther)
	admin.get(at).has(t, http.StatusOK, "to let somebody practise")
}

func TestBox_endNeedsItsName(t *testing.T) {
	r := newRig(t)
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	id := r.enrol(admin.actor, "Ann")[0]
	page := admin.post("/boxes/"+id+"/end", url.Values{"typed": {"ann"}})
	page.has(t, http.StatusUnprocessableEntity, `id="typed-problem"`, "<details class=\"panel new\" open>")
	checkPage(t, "box", page.body)
	admin.post("/boxes/"+id+"/end", url.Values{"typed": {"Ann"}}).has(t, http.StatusSeeOther)
	admin.get("/boxes/"+id).has(t, http.StatusOK, "to erase the study")
}
