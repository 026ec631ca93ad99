package relay_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// The way of a whisper: each box hears the answer before its own, and only that.
func TestWhisper_goesRound(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob", "cyd")
		w := r.start(r.project(model.ForwardStraight), boxes, 1)
		heard := "seed"
		for i, hop := range w.Hops {
			for _, other := range boxes {
				if other != hop.DeviceID && len(r.open(other)) != 0 {
					t.Fatalf("turn %d: another box has the whisper as well", i+1)
				}
			}
			o := r.offer(hop.DeviceID)
			if !r.told.has("look " + hop.DeviceID) {
				t.Errorf("turn %d: the box was not nudged", i+1)
			}
			if len(o.Files) != 1 || o.Files[0].SHA256 != digest("shared "+heard) || o.SendMode != protocol.SendConfirm {
				t.Fatalf("turn %d offers %+v, want the shared copy of %q", i+1, o, heard)
			}
			for digestOf, want := range map[string]bool{digest("shared " + heard): true, digest(heard): false, digest("x"): false} {
				if ok, err := r.s.MayRead(r.ctx, hop.DeviceID, digestOf); err != nil || ok != want {
					t.Errorf("turn %d: may read is %v, %v; want %v", i+1, ok, err, want)
				}
			}
			r.must(r.s.Progress(r.ctx, hop.DeviceID, protocol.TypeDelivered, protocol.Progress{Hop: o.Hop, Epoch: o.Epoch}))
			r.must(r.s.Progress(r.ctx, hop.DeviceID, protocol.TypeHeard, protocol.Progress{Hop: o.Hop, Epoch: o.Epoch}))
			heard = "answer of turn " + string(rune('1'+i))
			if got := r.reply(hop.DeviceID, o, heard); got.State != protocol.ReplyAccepted || got.RecallUntil != nil {
				t.Fatalf("turn %d: receipt %+v", i+1, got)
			}
		}
		v := r.view(w.ID)
		if v.Whisper.State != model.WhisperComplete || v.Whisper.CompletedAt.IsZero() {
			t.Fatalf("the whisper is %s", v.Whisper.State)
		}
		if len(v.Mails) != 1 || v.Mails[0].To != "owner@example.org" || !r.told.has("mail") {
			t.Errorf("mails %+v", v.Mails)
		}
		for _, h := range v.Whisper.Hops {
			if h.State != model.HopApproved || h.DeliveredAt.IsZero() || h.HeardAt.IsZero() || h.ReceivedAt.IsZero() {
				t.Errorf("turn %d: %+v", h.Position, h)
			}
		}
		if len(v.Files) != 8 {
			t.Errorf("%d files, want original and shared copy of the seed and three answers", len(v.Files))
		}
	})
}

func TestReply_again(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob")
		w := r.start(r.project(model.ForwardStraight), boxes, 1)
		first, second := w.Hops[0].DeviceID, w.Hops[1].DeviceID
		o := r.offer(first)
		reply := r.answer(first, o, "words")
		one, err := r.s.Reply(r.ctx, first, o.Hop, reply)
		r.must(err)
		two, err := r.s.Reply(r.ctx, first, o.Hop, reply)
		r.must(err)
		if one.Reply != two.Reply || one.State != two.State || !one.ReceivedAt.Equal(two.ReceivedAt) || !slices.Equal(one.Files, two.Files) {
			t.Errorf("receipts differ:\n%+v\n%+v", one, two)
		}
		other := r.answer(first, o, "other words")
		other.ID = reply.ID
		_, err = r.s.Reply(r.ctx, first, o.Hop, other)
		refused(t, err, protocol.CodeReplyDiffers)
		if late := r.reply(first, o, "another answer"); late.State != protocol.ReplyLate {
			t.Errorf("a second answer to a turn is %s, want late", late.State)
		}
		if next := r.offer(second); next.Files[0].SHA256 != digest("shared words") {
			t.Error("the next box does not hear the accepted answer")
		}
		_, err = r.s.Reply(r.ctx, second, o.Hop, r.answer(second, o, "x"))
		refused(t, err, protocol.CodeHopUnknown) // another box's turn
		foreign := r.answer(first, r.offer(second), "y")
		_, err = r.s.Reply(r.ctx, second, r.offer(second).Hop, foreign)
		refused(t, err, protocol.CodeUploadUnknown) // another box's upload
		wrong := r.answer(second, r.offer(second), "z")
		wrong.Files[0].SHA256 = digest("not z")
		_, err = r.s.Reply(r.ctx, second, r.offer(second).Hop, wrong)
		refused(t, err, protocol.CodeDigestMismatch)
		if v := r.view(w.ID); len(v.Replies) != 2 {
			t.Errorf("%d replies are stored, want the accepted and the late one", len(v.Replies))
		}
	})
}

// Of many answers at the same moment exactly one counts, and none is dropped.
func TestReply_together(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob")
		w := r.start(r.project(model.ForwardStraight), boxes, 1)
		device := w.Hops[0].DeviceID
		o := r.offer(device)
		const n = 8
		var wg sync.WaitGroup
		states := make(chan protocol.ReceiptState, n)
		for i := range n {
			reply := r.answer(device, o, "words "+string(rune('a'+i)))
			wg.Go(func() {
				receipt, err := r.s.Reply(r.ctx, device, o.Hop, reply)
				if err != nil {
					t.Error(err)
				}
				states <- receipt.State
			})
		}
		wg.Wait()
		close(states)
		count := map[protocol.ReceiptState]int{}
		for s := range states {
			count[s]++
		}
		if count[protocol.ReplyAccepted] != 1 || count[protocol.ReplyLate] != n-1 {
			t.Fatalf("receipts %v, want 1 accepted and %d late", count, n-1)
		}
		if len(r.open(w.Hops[1].DeviceID)) != 1 {
			t.Error("the whisper did not go on exactly once")
		}
	})
}

// A box serves one whisper at a time; the others wait in the order they came.
func TestQueue(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann")
		p := r.project(model.ForwardStraight)
		var ids []string
		for i := range 3 {
			ids = append(ids, r.start(p, boxes, byte(i)).ID)
		}
		r.must(r.s.Pause(r.ctx, r.owner, ids[1]))
		for _, want := range []string{ids[0], ids[2]} {
			o := r.offer(boxes[0])
			if o.Whisper != want {
				t.Fatalf("the box has %s, want %s", o.Whisper, want)
			}
			r.reply(boxes[0], o, "answer to "+want)
		}
		if len(r.open(boxes[0])) != 0 {
			t.Fatal("a paused whisper was offered")
		}
		r.must(r.s.Resume(r.ctx, r.owner, ids[1]))
		r.reply(boxes[0], r.offer(boxes[0]), "the last")
		for _, id := range ids {
			if v := r.view(id); v.Whisper.State != model.WhisperComplete {
				t.Errorf("whisper %s is %s", id, v.Whisper.State)
			}
		}
	})
}

// Many whispers over the same boxes, answered at once from all sides, on one
// database: each turn once, no box with two, nothing left over.
func TestQueue_underLoad(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob", "cyd", "dot")
		p := r.project(model.ForwardStraight)
		const n = 6
		started, err := r.s.Start(r.ctx, r.owner, relay.StartRequest{
			ProjectID: p.ID, Title: "Many", Audio: r.upload(r.owner.UserID, protocol.RoleAudio, "seed"), Boxes: boxes, Count: n,
		})
		r.must(err)
		deadline := time.Now().Add(60 * time.Second)
		var wg sync.WaitGroup
		for _, box := range boxes {
			wg.Go(func() {
				for done := 0; done < n && time.Now().Before(deadline); {
					page, err := r.s.Offers(r.ctx, box, "")
					if err != nil || len(page.Offers) > 1 {
						t.Errorf("offers %d, %v", len(page.Offers), err)
						return
					}
					for _, o := range page.Offers {
						if _, err := r.s.Reply(r.ctx, box, o.Hop, r.answer(box, o, box+o.Hop)); err != nil {
							t.Error(err)
							return
						}
						done++
					}
				}
			})
		}
		wg.Wait()
		for _, w := range started {
			v := r.view(w.ID)
			if v.Whisper.State != model.WhisperComplete || len(v.Replies) != len(boxes) || len(v.Mails) != 1 {
				t.Errorf("%s: %s with %d replies and %d mails", v.Whisper.Title, v.Whisper.State, len(v.Replies), len(v.Mails))
			}
		}
	})
}

func TestHold_takeBackAndGoOn(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob")
		w := r.start(r.project(model.ForwardPause), boxes, 1)
		ann, bob := w.Hops[0].DeviceID, w.Hops[1].DeviceID
		o := r.offer(ann)
		if o.SendMode != protocol.SendGrace || o.RecallSeconds != 600 {
			t.Errorf("offer %+v", o)
		}
		receipt := r.reply(ann, o, "too quick")
		if receipt.RecallUntil == nil {
			t.Fatal("the receipt does not say until when the answer can be taken back")
		}
		if len(r.open(bob)) != 0 {
			t.Fatal("a held answer went on")
		}
		for range 2 { // a lost answer is asked for again
			back, err := r.s.TakeBack(r.ctx, ann, o.Hop, receipt.Reply)
			r.must(err)
			if back.State != protocol.ReplyTakenBack {
				t.Fatalf("taken back is %s", back.State)
			}
		}
		for _, content := range []string{"too quick", "shared too quick"} {
			if !r.told.has("unnamed " + digest(content)) {
				t.Errorf("nobody is told to remove the bytes of %q", content)
			}
		}
		if r.told.has("unnamed "+w.ID) || r.told.has("unnamed "+o.Files[0].SHA256) {
			t.Error("the seed's bytes are told to be of no use")
		}
		if v := r.view(w.ID); len(v.Files) != 2 {
			t.Errorf("%d files are left, want the seed's two: what was taken back is not kept", len(v.Files))
		}
		again := r.offer(ann)
		if again.Hop != o.Hop || again.State != protocol.OfferOpen {
			t.Fatalf("after the take-back the box has %+v", again)
		}
		second := r.reply(ann, again, "better")
		worked := make(chan error, 1)
		go func() { worked <- r.s.Work(r.ctx) }()
		r.pass(10*time.Minute + time.Second)
		r.must(r.s.Pause(r.ctx, r.owner, w.ID))
		r.must(r.s.Resume(r.ctx, r.owner, w.ID)) // wakes the worker
		wait(t, func() bool { return len(r.open(bob)) == 1 })
		_, err := r.s.TakeBack(r.ctx, ann, o.Hop, second.Reply)
		refused(t, err, protocol.CodeReplyForwarded)
		if got := r.offer(bob).Files[0].SHA256; got != digest("shared better") {
			t.Error("the next box does not hear the second answer")
		}
	})
}

// wait polls for what another goroutine brings about.
func wait(t *testing.T, until func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !until(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestEnd_keepsLateAnswers(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "bob")
		p := r.project(model.ForwardStraight)
		w := r.start(p, boxes, 1)
		ann := w.Hops[0].DeviceID
		o := r.offer(ann)
		page, err := r.s.Offers(r.ctx, ann, "")
		r.must(err)
		r.must(r.s.End(r.ctx, r.owner, w.ID))
		r.must(r.s.End(r.ctx, r.owner, w.ID))
		if !r.told.has("recall " + ann + " 1") {
			t.Error("the box was not told")
		}
		changes, err := r.s.Offers(r.ctx, ann, page.Cursor)
		r.must(err)
		if len(changes.Offers) != 1 || changes.Offers[0].State != protocol.OfferWithdrawn {
			t.Errorf("since its cursor the box learns %+v", changes.Offers)
		}
		if late := r.reply(ann, o, "too late"); late.State != protocol.ReplyLate {
			t.Errorf("the answer is %s", late.State)
		}
		if v := r.view(w.ID); v.Whisper.State != model.WhisperEnded || len(v.Mails) != 0 {
			t.Errorf("whisper %s, %d mails", v.Whisper.State, len(v.Mails))
		}
		next := r.start(p, boxes[:1], 2)
		if r.offer(boxes[0]).Whisper != next.ID {
			t.Error("the box is not free for the next whisper")
		}
	})
}
