package relay_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
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

func TestMakeCode_replacesAnOpenOneForTheSameName(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		make := func(name string, replaced int) string {
			t.Helper()
			code, row, err := r.s.MakeCode(r.ctx, r.admin, name)
			r.must(err)
			if row.Replaced != replaced {
				t.Errorf("the code for %s replaced %d others, want %d", name, row.Replaced, replaced)
			}
			return code
		}
		try := func(code, secret string) error { _, err := r.s.Enroll(r.ctx, enrolment(code, secret)); return err }
		other, first := make("bob", 0), make("Ann", 0)
		second := make("ann", 1)
		refused(t, try(first, "a"), protocol.CodeCodeRevoked)
		r.must(try(second, "a"))
		r.must(try(other, "b"))

		late := make("cyd", 0)
		r.pass(model.CodeLifetime + time.Second)
		make("cyd", 0) // what has expired is not replaced
		refused(t, try(late, "c"), protocol.CodeCodeExpired)
	})
}

func TestCodes_tellsThatThereAreMore(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for k := range relay.MaxCodes + 5 {
			_, _, err := r.s.MakeCode(r.ctx, r.admin, "box "+strconv.Itoa(k))
			r.must(err)
		}
		codes, err := r.s.Codes(r.ctx, r.admin)
		r.must(err)
		if len(codes) != relay.MaxCodes+1 || codes[0].Label != "box "+strconv.Itoa(relay.MaxCodes+4) {
			t.Errorf("%d codes, the first for %s", len(codes), codes[0].Label)
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
		r.must(r.s.SeenMany(r.ctx, map[string]model.Sighting{id: {At: r.clock()}})) // it asked whether its key works
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
		first := r.view(w.ID).Boxes[id].HeldAt
		if first.IsZero() {
			t.Error("nobody learns of the copied card")
		}
		r.pass(59 * time.Second)
		r.must(r.s.Copies(r.ctx, id))
		if at := r.view(w.ID).Boxes[id].HeldAt; !at.Equal(first) {
			t.Error("it is written down more often than once a minute")
		}
		r.pass(time.Second)
		r.must(r.s.Copies(r.ctx, id))
		if at := r.view(w.ID).Boxes[id].HeldAt; at.Before(first.Add(time.Minute)) {
			t.Errorf("the two copies were written down at %v, the board at %v", at, first)
		}
		r.reply(id, r.offer(id), "the right board goes on")
	})
}

func TestEnroll_secretThatIsKnown(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ann := r.enrol("ann")[0]
		code, _, err := r.s.MakeCode(r.ctx, r.admin, "ben")
		r.must(err)
		_, err = r.s.Enroll(r.ctx, enrolment(code, "ann"))
		if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeConflict || e.Sentence != "This box is enrolled already." {
			t.Errorf("ann's box with a second code: %v", err)
		}
		d, err := r.s.Enroll(r.ctx, enrolment(code, "ben"))
		if err != nil || d.ID == ann {
			t.Errorf("the code was used up: %v", err)
		}
	})
}
