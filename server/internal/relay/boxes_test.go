package relay_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func TestEnroll_refusals(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		code := func(name string) string {
			c, _, err := r.s.MakeCode(r.ctx, r.admin, name)
			r.must(err)
			return c
		}
		try := func(code, secret string) error { _, err := r.s.Enroll(r.ctx, enrolment(code, secret)); return err }

		refused(t, try("ZZZZZZZZZZ", "a"), protocol.CodeCodeUnknown)
		refused(t, try("not a code!", "a"), protocol.CodeCodeUnknown)

		used := code("ann")
		r.must(try(used, "ann"))
		refused(t, try(used, "another board"), protocol.CodeCodeUsed)
		r.must(try(used, "ann")) // the answer got lost: the same box asks again

		revoked := code("bob")
		codes, err := r.s.Codes(r.ctx, r.admin)
		r.must(err)
		r.must(r.s.RevokeCode(r.ctx, r.admin, codes[0].ID))
		refused(t, r.s.RevokeCode(r.ctx, r.admin, codes[0].ID), protocol.CodeConflict)
		refused(t, try(revoked, "b"), protocol.CodeCodeRevoked)

		expired := code("cyd")
		r.pass(24*time.Hour + time.Second)
		refused(t, try(expired, "c"), protocol.CodeCodeExpired)

		_, _, err = r.s.MakeCode(r.ctx, r.admin, "ann")
		refused(t, err, protocol.CodeNameTaken)
		wish := enrolment(code("dot"), "d")
		wish.Name = "ann"
		_, err = r.s.Enroll(r.ctx, wish)
		refused(t, err, protocol.CodeNameTaken)
		wish.Name = "<script>"
		d, err := r.s.Enroll(r.ctx, wish)
		r.must(err)
		if d.Name != "<script>" {
			t.Error("a name is text, and kept as it is")
		}
		wish.Secret = "short"
		_, err = r.s.Enroll(r.ctx, wish)
		refused(t, err, protocol.CodeInvalid)
		wish.Secret, wish.Version = digest("d"), 2
		_, err = r.s.Enroll(r.ctx, wish)
		refused(t, err, protocol.CodeVersion)
		if boxes, err := r.s.Boxes(r.ctx, "", "", 10); err != nil || len(boxes) != 2 {
			t.Errorf("%d boxes, %v; want ann and <script>", len(boxes), err)
		}
	})
}

func TestEnroll_codeWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		code, _, err := r.s.MakeCode(r.ctx, r.admin, "ann")
		r.must(err)
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range 16 {
			q := enrolment(code, string(rune('a'+i)))
			q.Name = "box " + string(rune('a'+i))
			wg.Go(func() {
				_, err := r.s.Enroll(r.ctx, q)
				if err == nil {
					won.Add(1)
					return
				}
				if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeCodeUsed {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d boxes got in with one code", won.Load())
		}
		if boxes, err := r.s.Boxes(r.ctx, "", "", 20); err != nil || len(boxes) != 1 {
			t.Errorf("%d boxes, %v", len(boxes), err)
		}
	})
}

func TestPresence_isTruthful(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		id := r.enrol("ann")[0]
		is := func(want model.Presence) {
			t.Helper()
			boxes, err := r.s.Boxes(r.ctx, "", "", 1)
			r.must(err)
			if got := boxes[0].Presence(r.clock()); got != want {
				t.Errorf("the box is %q, want %q", got, want)
			}
		}
		is(model.PresenceNever)
		r.must(r.s.SeenMany(r.ctx, map[string]model.Sighting{id: {At: r.clock(), Connected: true, Hello: &protocol.Hello{Agent: "1"}}}))
		is(model.PresenceOnline)
		r.pass(61 * time.Second)
		is(model.PresenceAway)
		r.pass(24 * time.Hour)
		is(model.PresenceDark)
		r.must(r.s.RevokeBox(r.ctx, r.admin, id))
		r.must(r.s.RevokeBox(r.ctx, r.admin, id))
		is(model.PresenceRevoked)
		if !r.told.has("revoked " + id) {
			t.Error("the live connection was not closed")
		}
	})
}

func TestOtherBoard_isWrittenDown(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		id := r.enrol("ann")[0]
		w := r.start(r.project(model.ForwardStraight), []string{id}, 1)
		r.must(r.s.OtherBoard(r.ctx, id))
		v := r.view(w.ID)
		if v.Boxes[id].HeldAt.IsZero() {
			t.Error("nobody learns of the copied card")
		}
		r.reply(id, r.offer(id), "the right board goes on")
	})
}
