package web

import (
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Who has no part in a project any more is told nothing of when something moves
// there, though the page is still open.
func TestLive_endsWithTheReadersPart(t *testing.T) {
	r := newRig(t)
	r.web.round = 10 * time.Millisecond
	admin := r.signedIn("root@example.org", model.RoleAdmin)
	guest := r.signedIn("guest@example.org", model.RoleResearcher)
	p := r.project(admin.actor, "Harbour", model.ForwardStraight)
	w := r.start(admin.actor, p, "Gulls", r.enrol(admin.actor, "ann")...)
	r.must(r.db.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.AddMember(t.Context(), model.Member{ProjectID: p.ID, UserID: guest.actor.UserID, Role: model.ProjectViewer})
	}))
	streams := map[string]func() string{}
	for _, path := range []string{"/projects/" + p.ID + "/live", "/whispers/" + w.ID + "/live"} {
		streams[path] = stream(t, guest, path)
		if got := streams[path](); got != "changed" {
			t.Fatalf("%s begins with %q", path, got)
		}
	}
	r.must(r.relay.RemoveMember(t.Context(), admin.actor, p.ID, guest.actor.UserID))
	for path, next := range streams {
		last := ""
		for range 100 {
			if last = next(); last != "changed" {
				break
			}
		}
		if last != "over" {
			t.Errorf("%s: after the guest was removed comes %q", path, last)
		}
	}
}
