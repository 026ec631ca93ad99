package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

func TestWhisperRoundTrip(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d1", "d2", "d3")
		w.StartKey, w.Title = NewID(), "  Meer: ½ · 海 · 🌊 · é (e + ́)  "
		h := &w.Hops[1]
		at := noon
		for _, p := range []*time.Time{&h.ReadyAt, &h.OfferedAt, &h.DeliveredAt, &h.HeardAt, &h.RecordingAt, &h.SavedAt,
			&h.ReceivedAt, &h.HoldUntil, &h.ApprovedAt, &h.EndedAt, &w.CompletedAt, &w.EndedAt} {
			at = at.Add(time.Microsecond)
			*p = at
		}
		h.Epoch, h.Seq, h.ReplyID, h.State = 3, 1<<40, NewID(), model.HopHeld
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		if w.Version != 1 {
			t.Errorf("version %d", w.Version)
		}
		for name, find := range map[string]func(*Tx) (model.Whisper, error){
			"id":        func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) },
			"hop":       func(tx *Tx) (model.Whisper, error) { return tx.WhisperByHop(ctx, w.Hops[2].ID) },
			"start key": func(tx *Tx) (model.Whisper, error) { return tx.WhisperByStartKey(ctx, w.StartKey) },
		} {
			if got := view(t, s, find); !reflect.DeepEqual(got, *w) {
				t.Errorf("by %s:\ngot  %+v\nwant %+v", name, got, *w)
			}
		}
		again := newWhisper(w.ProjectID)
		again.StartKey = w.StartKey
		err := s.Tx(ctx, func(tx *Tx) error { return tx.CreateWhisper(ctx, again) })
		if !errors.Is(err, ErrExists) || ExistsKey(err) != KeyStart {
			t.Errorf("a second start: %v", err)
		}
		if got := view(t, s, func(tx *Tx) (ProjectRow, error) { return tx.ProjectRow(ctx, w.ProjectID) }); got.Counts != (Counts{Travelling: 1}) {
			t.Errorf("counts %+v", got.Counts)
		}
		stray := newWhisper("no project")
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.CreateWhisper(ctx, stray) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("a whisper of no project: %v", err)
		}
	})
}

func TestSaveWhisper(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d1", "d2")
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })

		// Loaded, changed, saved twice in one transaction.
		must(t, s, func(tx *Tx) error {
			got, err := tx.Whisper(ctx, w.ID)
			if err != nil {
				return err
			}
			got.Hops[0].State, got.Hops[0].ReadyAt = model.HopOffered, noon
			if err := tx.SaveWhisper(ctx, &got); err != nil {
				return err
			}
			got.Hops[0].State, got.Hops[0].ApprovedAt = model.HopApproved, noon.Add(time.Second)
			got.Hops[1].ReadyAt = noon.Add(time.Minute)
			got.State = model.WhisperPaused
			err = tx.SaveWhisper(ctx, &got)
			*w = got
			return err
		})
		if got := view(t, s, func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) }); !reflect.DeepEqual(got, *w) || got.Version != 3 {
			t.Errorf("\ngot  %+v\nwant %+v", got, *w)
		}
		rows := view(t, s, func(tx *Tx) ([]WhisperRow, error) { return tx.Whispers(ctx, w.ProjectID, 10, "") })
		want := Progress{Hops: 2, Answered: 1, Over: 1, Position: 2, DeviceID: "d2", State: model.HopPlanned, Since: noon.Add(time.Minute)}
		if len(rows) != 1 || rows[0].Progress != want || rows[0].Hops != nil || rows[0].State != model.WhisperPaused {
			t.Errorf("row %+v, want progress %+v", rows, want)
		}
		if got := view(t, s, func(tx *Tx) (ProjectRow, error) { return tx.ProjectRow(ctx, w.ProjectID) }); got.Counts != (Counts{Paused: 1}) {
			t.Errorf("counts %+v", got.Counts)
		}

		// Loaded elsewhere: saved if nobody was quicker, else nothing is written.
		elsewhere, stale := *w, *w
		elsewhere.Hops, stale.Hops = slices.Clone(w.Hops), slices.Clone(w.Hops)
		elsewhere.State, elsewhere.CompletedAt = model.WhisperComplete, noon
		elsewhere.Hops = append(elsewhere.Hops, model.Hop{ID: NewID(), WhisperID: w.ID, Position: 3, DeviceID: "d3", State: model.HopSkipped})
		must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, &elsewhere) })
		stale.Title, stale.Hops[1].State = "lost", model.HopSkipped
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.SaveWhisper(ctx, &stale) }); !errors.Is(err, ErrConflict) {
			t.Errorf("a stale whisper: %v", err)
		}
		if got := view(t, s, func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) }); !reflect.DeepEqual(got, elsewhere) {
			t.Errorf("\ngot  %+v\nwant %+v", got, elsewhere)
		}
		short := elsewhere
		short.Hops = short.Hops[:1]
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.SaveWhisper(ctx, &short) }); err == nil {
			t.Error("a hop could be taken away")
		}
	})
}

func TestLists(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		a, b := newProject(t, s), newProject(t, s)
		var ids []string
		must(t, s, func(tx *Tx) error {
			ids = nil
			for range 5 {
				w := newWhisper(a.ID, "d")
				ids = append([]string{w.ID}, ids...)
				if err := tx.CreateWhisper(ctx, w); err != nil {
					return err
				}
			}
			return tx.CreateWhisper(ctx, newWhisper(b.ID, "d"))
		})
		var got []string
		for after, more := "", true; more; {
			rows := view(t, s, func(tx *Tx) ([]WhisperRow, error) { return tx.Whispers(ctx, a.ID, 2, after) })
			for _, r := range rows {
				got, after = append(got, r.ID), r.ID
			}
			more = len(rows) > 0
		}
		if !slices.Equal(got, ids) {
			t.Errorf("whispers %v, want %v", got, ids)
		}

		a.Title, a.Forwarding, a.Hold = "Ördnung", model.ForwardPause, 90*time.Second
		must(t, s, func(tx *Tx) error { return tx.UpdateProject(ctx, a) })
		rows := view(t, s, func(tx *Tx) ([]ProjectRow, error) { return tx.Projects(ctx, "", noon, 10, "") })
		if want := []ProjectRow{{b, Counts{Travelling: 1}}, {a, Counts{Travelling: 5}}}; !slices.Equal(rows, want) {
			t.Errorf("projects %+v, want %+v", rows, want)
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddMember(ctx, model.Member{ProjectID: a.ID, UserID: a.OwnerID}),
				tx.AddMember(ctx, model.Member{ProjectID: b.ID, UserID: a.OwnerID, ExpiresAt: noon}))
		})
		rows = view(t, s, func(tx *Tx) ([]ProjectRow, error) { return tx.Projects(ctx, a.OwnerID, noon, 10, "") })
		if len(rows) != 1 || rows[0].Project != a {
			t.Errorf("projects of one owner %+v", rows)
		}
		if rows = view(t, s, func(tx *Tx) ([]ProjectRow, error) { return tx.Projects(ctx, a.OwnerID, noon, 10, a.ID) }); len(rows) != 0 {
			t.Errorf("projects after the last %+v", rows)
		}
		if got := view(t, s, func(tx *Tx) (model.Project, error) { return tx.Project(ctx, a.ID) }); got != a {
			t.Errorf("project %+v, want %+v", got, a)
		}
	})
}

func TestReadyAndHeldHops(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		project := newProject(t, s).ID
		first, second := newWhisper(project, "d", "e"), newWhisper(project, "d", "e")
		d := newDevice("d")
		d.ID = "d"
		save := func(w *model.Whisper) {
			t.Helper()
			must(t, s, func(tx *Tx) error { return tx.SaveWhisper(ctx, w) })
		}
		next := func() string {
			return view(t, s, func(tx *Tx) (string, error) {
				hop, whisper, ok, err := tx.NextReadyHop(ctx, "d", noon.Add(time.Hour))
				if ok != (hop != "") || ok != (whisper != "") {
					t.Errorf("%q, %q, %v", hop, whisper, ok)
				}
				return hop, err
			})
		}
		idle := func() []string {
			return view(t, s, func(tx *Tx) ([]string, error) { return tx.IdleDevicesWithTurn(ctx, noon.Add(time.Hour), 10) })
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.CreateDevice(ctx, d), tx.CreateWhisper(ctx, first), tx.CreateWhisper(ctx, second))
		})
		if next() != "" || len(idle()) != 0 {
			t.Error("a hop is ready before its turn")
		}
		first.Hops[0].ReadyAt, second.Hops[0].ReadyAt = noon.Add(time.Microsecond), noon
		save(first)
		save(second)
		if next() != second.Hops[0].ID || !slices.Equal(idle(), []string{"d"}) {
			t.Error("not the hop that waits longest")
		}
		second.State = model.WhisperPaused
		save(second)
		if next() != first.Hops[0].ID {
			t.Error("a paused whisper's hop was next")
		}
		first.Hops[0].State = model.HopOffered
		save(first)
		if next() != "" || len(idle()) != 0 {
			t.Error("an offered hop was next")
		}
		second.State = model.WhisperTravelling
		save(second)
		if next() != second.Hops[0].ID {
			t.Error("the resumed whisper's hop is not next")
		}
		must(t, s, func(tx *Tx) error { _, _, err := tx.ClaimDevice(ctx, "d", first.Hops[0].ID); return err })
		if len(idle()) != 0 {
			t.Error("a busy box is idle")
		}

		due := func(now time.Time) []HopRef {
			return view(t, s, func(tx *Tx) ([]HopRef, error) { return tx.DueHops(ctx, now, 10) })
		}
		held := func() time.Time {
			return view(t, s, func(tx *Tx) (time.Time, error) { return tx.NextDue(ctx) })
		}
		if !held().IsZero() || len(due(noon.Add(time.Hour))) != 0 {
			t.Error("nothing is held")
		}
		till := noon.Add(10 * time.Minute)
		first.Hops[0].State, first.Hops[0].HoldUntil = model.HopHeld, till
		save(first)
		ref := HopRef{first.Hops[0].ID, first.ID, 1, till}
		if held() != till || len(due(till.Add(-1))) != 0 || !slices.Equal(due(till), []HopRef{ref}) {
			t.Errorf("held till %v, due %+v", held(), due(till))
		}
		first.State = model.WhisperPaused
		save(first)
		if !held().IsZero() || len(due(till)) != 0 {
			t.Error("a paused whisper's hop is due")
		}
		first.State, first.Hops[0].State = model.WhisperTravelling, model.HopApproved
		save(first)
		if !held().IsZero() || len(due(till)) != 0 {
			t.Error("an approved hop is due")
		}
	})
}

func TestOffers(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "d", "d", "e", "d", "d", "d")
		for i, state := range []model.HopState{model.HopApproved, model.HopWithdrawn, model.HopHeard, model.HopDelivered, model.HopPlanned, model.HopOffered} {
			w.Hops[i].State, w.Hops[i].Seq = state, int64(10-i)
		}
		w.Hops[4].Seq = 0 // never offered
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		for _, tt := range []struct {
			since int64
			limit int
			want  string
		}{
			{0, 10, "6:5 4:7"}, {1, 10, "6:5 4:7 2:9 1:10"}, {5, 10, "4:7 2:9 1:10"}, {5, 2, "4:7 2:9"}, {10, 10, ""},
		} {
			rows := view(t, s, func(tx *Tx) ([]OfferRow, error) { return tx.OffersSince(ctx, "d", tt.since, tt.limit) })
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprintf("%d:%d", r.Hop.Position, r.Hop.Seq))
				if r.State != w.State || r.Forwarding != w.Forwarding || r.Hold != w.Hold || r.Title != w.Title || r.Hop.WhisperID != w.ID {
					t.Errorf("row %+v", r)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("since %d: %q, want %q", tt.since, got, tt.want)
			}
		}
	})
}
