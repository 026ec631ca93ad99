package relay_test

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

func TestSetSite(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		box := r.enrol("a")[0]
		installer := r.user("installer@example.org", model.RoleInstaller)
		site := model.Site{Label: "Second floor", Hours: model.Hours{Zone: "Europe/Berlin", Wake: "09:00", Bed: "22:30"}, Volume: 3, NoPhoto: true, Quiet: true}
		refused(t, r.s.SetSite(r.ctx, r.owner, box, site), protocol.CodeForbidden)
		for range 2 { // the second changes nothing
			r.must(r.s.SetSite(r.ctx, installer, box, site))
		}
		v, err := r.s.Box(r.ctx, r.owner, box)
		r.must(err)
		if v.Device.Site.Label != "Second floor" || v.Device.Site.Version != 1 {
			t.Errorf("the place is %+v", v.Device.Site)
		}
		got := relay.SettingsOf(v.Device.Site)
		want := protocol.Settings{
			Version: 2, SendMode: protocol.SendGrace, TimeZone: "Europe/Berlin", QuietFrom: "22:30", QuietUntil: "09:00", Volume: 3, Language: "en",
		}
		if got != want {
			t.Errorf("the box is told %+v, want %+v", got, want)
		}
		if !r.told.has("settings " + box + " 2") {
			t.Error("the box was not told")
		}
		for field, bad := range map[string]model.Site{
			"zone": {Hours: model.Hours{Zone: "Nowhere/Else"}}, "wake": {Hours: model.Hours{Wake: "08:00"}},
			"volume": {Volume: 5}, "language": {Language: "tlh"}, "label": {Label: "a\nb"},
		} {
			err := r.s.SetSite(r.ctx, r.admin, box, bad)
			if e, ok := model.AsError(err); !ok || e.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		if o := r.start(r.patient(model.SkipAsk, 0), []string{box}, 1); !r.offer(box).PhotoAllowed && o.ID != "" {
			return
		}
		t.Error("a turn allows photos where the place does not")
	})
}

func TestSettingsOf_Defaults(t *testing.T) {
	s := relay.SettingsOf(model.Site{})
	if err := s.Check(); err != nil || s.Version != 1 || !s.PhotoAllowed || !s.Announce {
		t.Errorf("%+v: %v", s, err)
	}
	if s = relay.SettingsOf(model.Site{Hours: model.Hours{Wake: "08:00", Bed: "08:00"}}); s.QuietFrom != "" || s.QuietUntil != "" {
		t.Errorf("quiet from %s to %s where somebody is always awake", s.QuietFrom, s.QuietUntil)
	}
}

// A box that was away when it was to be reminded is told when it is back, on
// the same day; one that was there is not told again.
func TestMissed(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		box := r.enrol("a")[0]
		r.start(r.patient(model.SkipAsk, 0), []string{box}, 1)
		o := r.offer(box)
		r.progress(box, o, protocol.TypeDelivered)
		heard := r.clock()
		missed := func(heard time.Time) bool {
			t.Helper()
			ref, ok, err := r.s.Missed(r.ctx, box, heard)
			r.must(err)
			if ok && (ref.Hop != o.Hop || ref.Epoch != o.Epoch) {
				t.Errorf("told of %+v", ref)
			}
			return ok
		}
		if missed(heard) {
			t.Error("reminded of nothing")
		}
		r.pass(50 * time.Hour)
		r.work()
		if !missed(heard) || missed(r.clock()) {
			t.Error("a box that was away is not told, or one that was there is told twice")
		}
		r.pass(9 * time.Hour) // eight in the evening
		if missed(heard) {
			t.Error("reminded at night")
		}
		var due time.Time
		r.must(r.db.View(r.ctx, func(tx *store.Tx) (err error) { due, err = tx.NextDue(r.ctx); return err }))
		if due.IsZero() {
			t.Error("nothing is due after the reminder")
		}
	})
}
