package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (r *rig) hook(p model.Project, kinds ...string) model.Hook {
	r.t.Helper()
	h, err := r.s.CreateHook(r.ctx, r.owner, model.Hook{ProjectID: p.ID, URL: "https://example.org/h", Kinds: kinds})
	r.must(err)
	return h
}

// Each event that a hook wants becomes one message, of the same transaction.
func TestHooks_Messages(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.project(model.ForwardStraight)
		all, some := r.hook(p), r.hook(p, "received", "complete")
		other := r.hook(r.project(model.ForwardStraight))
		boxes := r.enrol("one", "two")
		wh := r.start(p, boxes, 1)
		for range boxes {
			for _, hop := range r.view(wh.ID).Whisper.Hops {
				if hop.State == model.HopOffered {
					r.reply(hop.DeviceID, r.offer(hop.DeviceID), "words of "+hop.ID)
				}
			}
		}
		events, err := r.s.EventsSince(r.ctx, r.owner, p.ID, 0, 200)
		r.must(err)
		told := func(h model.Hook) (kinds []string) {
			_, rows, err := r.s.Deliveries(r.ctx, r.owner, h.ID, "", 200)
			r.must(err)
			slices.Reverse(rows)
			for _, d := range rows {
				var m relay.HookMessage
				r.must(json.Unmarshal([]byte(d.Body), &m))
				if m.ID != d.EventID || m.Project != p.ID || m.Seq == 0 || m.Whisper != wh.ID || (m.Hop != "") != (m.Position > 0) {
					t.Errorf("message %+v", m)
				}
				kinds = append(kinds, m.Type)
			}
			return kinds
		}
		if got := told(all); len(got) != len(events) || len(got) < 6 {
			t.Errorf("%d events, told of %v", len(events), got)
		}
		if got := told(some); !slices.Equal(got, []string{"received", "received", "complete"}) {
			t.Errorf("told of %v", got)
		}
		if got := told(other); len(got) != 0 {
			t.Errorf("another project's hook was told of %v", got)
		}
	})
}

func TestHooks_TriesAndGivesUp(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		h := r.hook(r.project(model.ForwardStraight))
		_, _, err := r.s.TestHook(r.ctx, r.owner, h.ID)
		r.must(err)
		next := func() model.Delivery {
			d, _, ok, _, err := r.s.NextDelivery(r.ctx, "w", time.Minute)
			r.must(err)
			if !ok {
				t.Fatal("nothing is due")
			}
			return d
		}
		began := r.clock()
		var first, longest time.Duration
		for tries := 0; ; tries++ {
			d := next()
			if _, _, ok, _, _ := r.s.NextDelivery(r.ctx, "other", time.Minute); ok {
				t.Fatal("two workers have one message")
			}
			r.must(r.s.FinishDelivery(r.ctx, d, "w", 500, "The address answered 500."))
			_, rows, err := r.s.Deliveries(r.ctx, r.owner, h.ID, "", 10)
			r.must(err)
			if rows[0].State == model.DeliveryFailed {
				break
			}
			wait := rows[0].DueAt.Sub(r.clock()).Round(time.Second)
			if first == 0 {
				first = wait
			}
			longest = max(longest, wait)
			r.pass(wait + time.Second)
		}
		if first != 10*time.Second || longest != 6*time.Hour {
			t.Errorf("waited %s first and %s at most", first, longest)
		}
		if took := r.clock().Sub(began); took < 60*time.Hour || took > 72*time.Hour {
			t.Errorf("given up after %s", took)
		}
		hooks, err := r.s.Hooks(r.ctx, r.owner, h.ProjectID)
		r.must(err)
		if hooks[0].DisabledAt.IsZero() {
			t.Error("the hook is still on")
		}
		// On again, what failed can be sent once more, as often as one likes.
		_, err = r.s.SwitchHook(r.ctx, r.owner, h.ID, true)
		r.must(err)
		_, rows, err := r.s.Deliveries(r.ctx, r.owner, h.ID, "", 10)
		r.must(err)
		for range 2 {
			_, again, err := r.s.Replay(r.ctx, r.owner, rows[0].ID)
			r.must(err)
			if got := next(); got.ID != again.ID || got.EventID != rows[0].EventID || got.Body != rows[0].Body {
				t.Errorf("sent again as %+v", got)
			}
			r.must(r.s.FinishDelivery(r.ctx, again, "w", 204, ""))
		}
		_, err = r.s.DeleteHook(r.ctx, r.owner, h.ID)
		r.must(err)
		if _, _, ok, next, err := r.s.NextDelivery(r.ctx, "w", time.Minute); ok || !next.IsZero() || err != nil {
			t.Errorf("after removal: %v %v %v", ok, next, err)
		}
	})
}

func TestHooks_Rights(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		h := r.hook(r.project(model.ForwardStraight))
		stranger := r.user("stranger@example.org", model.RoleResearcher)
		reader := r.owner
		reader.Token, reader.Scopes = "t", []model.Scope{model.ScopeRead}
		for who, want := range map[*model.Actor]protocol.Code{&stranger: protocol.CodeNotFound, &reader: protocol.CodeForbidden} {
			_, err := r.s.CreateHook(r.ctx, *who, model.Hook{ProjectID: h.ProjectID, URL: "https://example.org/h"})
			refused(t, err, want)
			_, err = r.s.Hooks(r.ctx, *who, h.ProjectID)
			refused(t, err, want)
			_, err = r.s.DeleteHook(r.ctx, *who, h.ID)
			refused(t, err, want)
			_, err = r.s.SwitchHook(r.ctx, *who, h.ID, false)
			refused(t, err, want)
			_, _, err = r.s.TestHook(r.ctx, *who, h.ID)
			refused(t, err, want)
			_, _, err = r.s.Deliveries(r.ctx, *who, h.ID, "", 5)
			refused(t, err, want)
		}
		for _, bad := range []string{"", "ftp://example.org", "https://", "https://user:secret@example.org/", "https://example.org/#x", "javascript:alert(1)"} {
			_, err := r.s.CreateHook(r.ctx, r.owner, model.Hook{ProjectID: h.ProjectID, URL: bad})
			refused(t, err, protocol.CodeInvalid)
		}
	})
}

// Readers that come and go while several write see every event once, in order:
// a number becomes visible only after all before it.
func TestEventsSince_OrderUnderLoad(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.project(model.ForwardStraight)
		boxes := r.enrol("one", "two", "three")
		var chains []string
		for i := range 6 {
			chains = append(chains, r.start(p, boxes, byte(i)).ID)
		}
		ctx, cancel := context.WithCancel(r.ctx)
		defer cancel()
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				last := int64(0)
				for {
					over := ctx.Err() != nil // looked at before reading, so that the last look sees all
					page, err := r.s.EventsSince(r.ctx, r.owner, p.ID, last, 3)
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range page {
						if e.Seq != last+1 {
							t.Errorf("event %d follows %d", e.Seq, last)
						}
						last = e.Seq
					}
					if over && len(page) == 0 {
						end, err := r.s.LastEvent(r.ctx, r.owner, p.ID)
						if err != nil || end != last {
							t.Errorf("read to %d of %d: %v", last, end, err)
						}
						return
					}
				}
			})
		}
		var writers sync.WaitGroup
		for _, id := range chains {
			writers.Go(func() {
				for range 10 {
					if err := errors.Join(r.s.Pause(r.ctx, r.owner, id), r.s.Resume(r.ctx, r.owner, id)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		cancel()
		readers.Wait()
	})
}

// What is done with goes after a month; what still is to be sent stays.
func TestHooks_LogIsKeptAMonth(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		// Ids tell their age by the machine's clock.
		r.pass(time.Since(r.clock()))
		h := r.hook(r.project(model.ForwardStraight))
		for range 2 {
			_, _, err := r.s.TestHook(r.ctx, r.owner, h.ID)
			r.must(err)
		}
		d, _, _, _, err := r.s.NextDelivery(r.ctx, "w", time.Minute)
		r.must(err)
		r.must(r.s.FinishDelivery(r.ctx, d, "w", 200, ""))
		left := func() int {
			r.must(r.s.PurgeDeliveries(r.ctx))
			_, rows, err := r.s.Deliveries(r.ctx, r.owner, h.ID, "", 10)
			r.must(err)
			return len(rows)
		}
		r.pass(relay.DeliveriesKept - time.Hour)
		if n := left(); n != 2 {
			t.Errorf("%d are left before their time", n)
		}
		r.pass(2 * time.Hour)
		if n := left(); n != 1 {
			t.Errorf("%d are left", n)
		}
	})
}

// An address that does not answer keeps no sender from the others, however much
// waits for it.
func TestHooks_ADeafOneKeepsNobody(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		deaf, good := r.hook(r.project(model.ForwardStraight)), r.hook(r.project(model.ForwardStraight))
		for range 5 {
			_, _, err := r.s.TestHook(r.ctx, r.owner, deaf.ID)
			r.must(err)
		}
		next := func() (hook string) {
			d, _, ok, _, err := r.s.NextDelivery(r.ctx, "w", time.Minute)
			r.must(err)
			if ok {
				r.must(r.s.FinishDelivery(r.ctx, d, "w", 0, map[string]string{deaf.ID: "It did not answer."}[d.HookID]))
			}
			return d.HookID
		}
		if got := next(); got != deaf.ID {
			t.Fatalf("told %q first", got)
		}
		_, _, err := r.s.TestHook(r.ctx, r.owner, good.ID)
		r.must(err)
		if got := next(); got != good.ID {
			t.Errorf("told %q next, want the one that listens", got)
		}
		if got := next(); got != "" {
			t.Errorf("told %q at once again", got)
		}
		for range 40 { // each gets its turn, beside the tries of those before it
			r.pass(time.Minute + time.Second)
			next()
		}
		_, rows, err := r.s.Deliveries(r.ctx, r.owner, deaf.ID, "", 10)
		r.must(err)
		for _, d := range rows {
			if d.Attempts == 0 || d.State != model.DeliveryQueued {
				t.Errorf("message %s: %s after %d tries", d.ID, d.State, d.Attempts)
			}
		}
	})
}
