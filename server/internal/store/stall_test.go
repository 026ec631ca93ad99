package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"illumi/server/internal/model"
)

// Turns change places and one is put between, though no two may stand at one place.
func TestPlacesChange(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "a", "b", "c")
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		w.Hops[0], w.Hops[2] = w.Hops[2], w.Hops[0]
		w.Hops = slices.Insert(w.Hops, 1, model.Hop{ID: NewID(), DeviceID: "d", State: model.HopPlanned})
		for i := range w.Hops {
			w.Hops[i].Position = i + 1
		}
		must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, w) })
		got := view(t, s, func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) })
		var order string
		for i, h := range got.Hops {
			if h.Position != i+1 {
				t.Errorf("box %s stands at %d, not at %d", h.DeviceID, h.Position, i+1)
			}
			order += h.DeviceID
		}
		if order != "cdba" {
			t.Errorf("the order is %s, want cdba", order)
		}
	})
}

func TestHopsWaitAndAreDue(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d", "e")
		later := noon.Add(48 * time.Hour)
		w.Hops[0].ReadyAt, w.Hops[0].Course.NotBefore = noon, later
		d := newDevice("d")
		d.ID = "d"
		must(t, s, func(tx *Tx) error { return errors.Join(tx.CreateDevice(ctx, d), tx.CreateWhisper(ctx, w)) })
		ready := func(now time.Time) bool {
			idle := view(t, s, func(tx *Tx) ([]string, error) { return tx.IdleDevicesWithTurn(ctx, now, 10) })
			return view(t, s, func(tx *Tx) (bool, error) {
				_, _, ok, err := tx.NextReadyHop(ctx, "d", now)
				if ok != (len(idle) == 1) {
					t.Errorf("the next hop: %v, idle boxes: %v", ok, idle)
				}
				return ok, err
			})
		}
		if ready(later.Add(-1)) || !ready(later) {
			t.Error("a turn that is put off is not ready when its time comes, or before")
		}
		offers := func(n int) time.Time {
			return view(t, s, func(tx *Tx) (time.Time, error) { return tx.EarlierOffer(ctx, "d", n) })
		}
		planned := view(t, s, func(tx *Tx) ([]string, error) { return tx.PlannedAt(ctx, "d", 10) })
		if !offers(1).IsZero() || !slices.Equal(planned, []string{w.ID}) {
			t.Errorf("offered at %s, planned in %v", offers(1), planned)
		}

		h := &w.Hops[0]
		h.State, h.OfferedAt, h.Seq = model.HopDelivered, noon, 1
		h.Course.RemindAt, h.Course.AskAt, h.Course.SkipAt = noon.Add(time.Hour), noon.Add(2*time.Hour), noon.Add(3*time.Hour)
		due := func() time.Time {
			must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, w) })
			return view(t, s, func(tx *Tx) (time.Time, error) { return tx.NextDue(ctx) })
		}
		if got := due(); !got.Equal(h.Course.RemindAt) {
			t.Errorf("due at %s, want the reminder", got)
		}
		h.Course.RemindedAt = noon
		if got := due(); !got.Equal(h.Course.AskAt) {
			t.Errorf("due at %s, want the question", got)
		}
		h.Course.AskedAt, h.Course.UrgedAt = noon, noon
		if got := due(); !got.IsZero() {
			t.Errorf("due at %s after all is done", got)
		}
		if !offers(1).Equal(noon) || !offers(2).IsZero() {
			t.Errorf("offered at %s and %s", offers(1), offers(2))
		}
	})
}
