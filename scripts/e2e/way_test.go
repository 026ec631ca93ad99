package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// answerAll lets a box answer every turn that comes until the whisper's end,
// and reports where it was given two at once.
func answerAll(ctx context.Context, b *world.Box, audio string, done func(protocol.Offer)) error {
	cursor := ""
	for ctx.Err() == nil {
		page, err := b.Offers(ctx, cursor)
		if err != nil {
			return err
		}
		all, err := b.Offers(ctx, "")
		if err != nil {
			return err
		}
		open := 0
		for _, o := range all.Offers {
			if o.State == protocol.OfferOpen {
				open++
			}
		}
		if open > 1 {
			return fmt.Errorf("%s has %d turns at once: %+v", b.Name, open, all.Offers)
		}
		for _, o := range page.Offers {
			if o.State != protocol.OfferOpen {
				continue
			}
			if _, err := b.Answer(ctx, o, audio); err != nil {
				return fmt.Errorf("%s at position %d: %w", b.Name, o.Position, err)
			}
			done(o)
		}
		cursor = page.Cursor
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// TestWay_Shared sends several whispers through the same boxes at once.
func TestWay_Shared(t *testing.T) { databases(t, shared) }

func shared(t *testing.T, opt world.Options) {
	s := set(t, opt, 0)
	boxes := s.enrol(t, "conandoyle", "janeeyre", "beargrylls", "heidi")
	const whispers = 4
	s.begin(t, world.Start{Title: "Together", Boxes: ids(boxes), Count: whispers, Seed: strings.Repeat("ab", 32)})

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	turns := map[string]map[int]string{} // whisper, position, box
	left := whispers * len(boxes)
	var all sync.WaitGroup
	for _, b := range boxes {
		all.Go(func() {
			err := answerAll(ctx, b, s.audio, func(o protocol.Offer) {
				mu.Lock()
				defer mu.Unlock()
				if turns[o.Whisper] == nil {
					turns[o.Whisper] = map[int]string{}
				}
				if had, twice := turns[o.Whisper][o.Position]; twice {
					t.Errorf("position %d was given to %s and to %s", o.Position, had, b.Name)
				}
				turns[o.Whisper][o.Position] = b.Name
				if left--; left == 0 {
					cancel()
				}
			})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
				cancel()
			}
		})
	}
	all.Wait()
	if left > 0 || len(turns) != whispers {
		t.Fatalf("%d turns were never taken, %d whispers seen", left, len(turns))
	}
	orders := map[string]bool{}
	for id, way := range turns {
		w := s.until(t, id, 10*time.Second, complete)
		must(t, w.Check())
		for i, name := range w.Devices() {
			if way[i+1] != name {
				t.Errorf("hop %d was %s by the record and %s in truth", i+1, name, way[i+1])
			}
		}
		orders[w.Seed] = true
	}
	if len(orders) != whispers {
		t.Errorf("%d whispers have only %d seeds", whispers, len(orders))
	}
}

// TestWay_Heard checks that every box hears the box before it and nobody else.
func TestWay_Heard(t *testing.T) {
	s := set(t, world.Options{}, 0)
	boxes := s.enrol(t, "conandoyle", "janeeyre", "beargrylls")
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	w, _, err := s.r.Whisper(t.Context(), id)
	must(t, err)
	before := w.Origin.Files
	for i, h := range w.Hops {
		b := boxes[slices.IndexFunc(boxes, func(b *world.Box) bool { return b.Name == h.Device })]
		o, err := b.Open(t.Context())
		must(t, err)
		shared, _ := world.Find(before, "audio", "shared")
		if len(o.Files) != 1 || o.Files[0].SHA256 != shared.SHA256 {
			t.Fatalf("hop %d is offered %+v, not %+v", h.Position, o.Files, shared)
		}
		original, _ := world.Find(w.Origin.Files, "audio", "original")
		for _, other := range []string{original.SHA256} {
			_, err := b.Fetch(t.Context(), protocol.File{SHA256: other})
			if r, ok := errors.AsType[*world.Refusal](err); !ok || r.Status != http.StatusNotFound {
				t.Errorf("hop %d may read what was not for it: %v", h.Position, err)
			}
		}
		// Each answer is another one.
		answer := fmt.Sprintf("%s/%d.wav", s.Dir(), i)
		must(t, world.WriteWAV(answer, 2, 44100, tone(44100, float64(300+100*i))))
		if _, err := b.Answer(t.Context(), o, answer); err != nil {
			t.Fatal(err)
		}
		if w, _, err = s.r.Whisper(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		before = w.Hops[i].Files
	}
	must(t, s.until(t, id, 10*time.Second, complete).Check())
}

// TestWay_Sleeper lets the turn of a box come while it is off, with a restart
// of the server in between.
func TestWay_Sleeper(t *testing.T) {
	s := set(t, world.Options{}, 0)
	boxes := s.enrol(t, "conandoyle", "janeeyre")
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	w, _, err := s.r.Whisper(t.Context(), id)
	must(t, err)
	sleeper := w.Hops[1].Device
	for _, b := range boxes {
		if b.Name != sleeper {
			o, err := b.Open(t.Context())
			must(t, err)
			_, err = b.Answer(t.Context(), o, s.audio)
			must(t, err)
		}
	}
	w, _, err = s.r.Whisper(t.Context(), id)
	must(t, err)
	if w.Hops[1].State != "offered" || w.State != "travelling" {
		t.Fatalf("the sleeping box's hop is %q in a whisper that is %q", w.Hops[1].State, w.State)
	}
	must(t, s.Server().Stop(20*time.Second))
	must(t, s.StartServer(t.Context()))
	for _, b := range boxes {
		if b.Name == sleeper {
			must(t, b.Close())
			o, err := b.Open(t.Context())
			must(t, err)
			_, err = b.Answer(t.Context(), o, s.audio)
			must(t, err)
		}
	}
	must(t, s.until(t, id, 10*time.Second, complete).Check())
}

// TestWay_Steered pauses, resumes and ends whispers.
func TestWay_Steered(t *testing.T) {
	s := set(t, world.Options{}, 0)
	boxes := s.enrol(t, "conandoyle", "janeeyre")
	ctx := t.Context()
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	must(t, s.r.Steer(ctx, id, "pause"))
	w, _, err := s.r.Whisper(ctx, id)
	must(t, err)
	if w.State != "paused" {
		t.Fatalf("a paused whisper is %q", w.State)
	}
	// What is at a box already may be answered; it goes no further.
	first := boxes[slices.IndexFunc(boxes, func(b *world.Box) bool { return b.Name == w.Hops[0].Device })]
	second := boxes[1-slices.Index(boxes, first)]
	if o, ok := openOffer(t, first); ok {
		_, err := first.Answer(ctx, o, s.audio)
		must(t, err)
		if o, ok := openOffer(t, second); ok {
			t.Errorf("a paused whisper went on: %+v", o)
		}
	}
	must(t, s.r.Steer(ctx, id, "resume"))
	if w, _, err = s.r.Whisper(ctx, id); err != nil || w.State != "travelling" {
		t.Fatalf("a resumed whisper is %q: %v", w.State, err)
	}
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if w.Hops[0].ReceivedAt == nil {
		o, err := first.Open(wait)
		must(t, err)
		_, err = first.Answer(ctx, o, s.audio)
		must(t, err)
	}
	o, err := second.Open(wait)
	must(t, err)

	must(t, s.r.Steer(ctx, id, "end"))
	w, _, err = s.r.Whisper(ctx, id)
	must(t, err)
	if w.State != "ended" || w.Hops[1].State != "withdrawn" {
		t.Errorf("an ended whisper is %q, its open hop %q", w.State, w.Hops[1].State)
	}
	if _, ok := openOffer(t, second); ok {
		t.Error("the box still has the turn of an ended whisper")
	}
	// Who had recorded already is not told no: the answer is kept beside the chain.
	f, err := second.Upload(ctx, world.Upload{Path: s.audio, Role: "audio"})
	must(t, err)
	receipt, err := second.Reply(ctx, o.Hop, world.NewReply(o, f))
	must(t, err)
	if receipt.State != protocol.ReplyLate {
		t.Errorf("an answer to an ended whisper is %q", receipt.State)
	}
	mails, err := s.Mails()
	must(t, err)
	if len(mails) != 0 {
		t.Errorf("an ended whisper sent %d mails", len(mails))
	}
}

func openOffer(t *testing.T, b *world.Box) (protocol.Offer, bool) {
	t.Helper()
	page, err := b.Offers(t.Context(), "")
	must(t, err)
	i := slices.IndexFunc(page.Offers, func(o protocol.Offer) bool { return o.State == protocol.OfferOpen })
	if i < 0 {
		return protocol.Offer{}, false
	}
	return page.Offers[i], true
}

// TestWay_TakenBack takes an answer back within the pause, and gives another.
func TestWay_TakenBack(t *testing.T) { databases(t, takenBack) }

func takenBack(t *testing.T, opt world.Options) {
	const hold = 3 * time.Second
	s := set(t, opt, hold)
	boxes := s.enrol(t, "conandoyle")
	b, ctx := boxes[0], t.Context()
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	o, err := b.Open(ctx)
	must(t, err)
	if o.SendMode != protocol.SendGrace || o.RecallSeconds != 3 {
		t.Errorf("the offer says %q and %d s", o.SendMode, o.RecallSeconds)
	}
	first, err := b.Answer(ctx, o, s.audio)
	must(t, err)
	if first.RecallUntil == nil {
		t.Fatalf("the receipt does not say how long it can be taken back: %+v", first)
	}
	back, err := b.TakeBack(ctx, o.Hop, first.Reply)
	must(t, err)
	if back.State != protocol.ReplyTakenBack {
		t.Errorf("the receipt of what was taken back is %q", back.State)
	}
	if again, err := b.TakeBack(ctx, o.Hop, first.Reply); err != nil || again.State != back.State {
		t.Errorf("taking back again: %+v, %v", again, err)
	}
	w, _, err := s.r.Whisper(ctx, id)
	must(t, err)
	if len(w.Hops[0].Files) != 0 || w.State != "travelling" {
		t.Errorf("what was taken back is still shown: %+v", w.Hops[0])
	}

	o, err = b.Open(ctx)
	must(t, err)
	other := s.Dir() + "/other.wav"
	must(t, world.WriteWAV(other, 1, 16000, tone(16000, 500)))
	f, err := b.Upload(ctx, world.Upload{Path: other, Role: "audio"})
	must(t, err)
	second, err := b.Reply(ctx, o.Hop, world.NewReply(o, f))
	must(t, err)
	w = s.until(t, id, hold+20*time.Second, complete)
	if f, ok := world.Find(w.Hops[0].Files, "audio", "original"); !ok || f.SHA256 != second.Files[0].SHA256 {
		t.Errorf("the whisper has %+v, not the second answer", w.Hops[0].Files)
	}
	if w.Hops[0].ReceivedAt == nil || w.CompletedAt.Sub(*w.Hops[0].ReceivedAt) < hold {
		t.Errorf("answered %v, complete %v: that is no pause of %s", w.Hops[0].ReceivedAt, w.CompletedAt, hold)
	}
	_, err = b.TakeBack(ctx, o.Hop, second.Reply)
	if r, ok := errors.AsType[*world.Refusal](err); !ok || r.Code != protocol.CodeReplyForwarded {
		t.Errorf("taking back what has gone on: %v", err)
	}
}

// TestWay_Repeated repeats every request of a box and wants the same answers.
func TestWay_Repeated(t *testing.T) {
	s := set(t, world.Options{}, 0)
	boxes := s.enrol(t, "conandoyle")
	b, ctx := boxes[0], t.Context()
	key := "the same key"
	audio, err := s.r.Upload(ctx, world.Upload{Path: s.audio, Role: "audio"})
	must(t, err)
	start := world.Start{Title: "Once", Audio: audio, Boxes: ids(boxes), Key: key}
	id := s.begin(t, start)
	if again := s.begin(t, start); again != id {
		t.Errorf("the same start made %s and %s", id, again)
	}
	o, err := b.Open(ctx)
	must(t, err)
	f, err := b.Upload(ctx, world.Upload{Path: s.audio, Role: "audio"})
	must(t, err)
	reply := world.NewReply(o, f)
	first, err := b.Reply(ctx, o.Hop, reply)
	must(t, err)
	again, err := b.Reply(ctx, o.Hop, reply)
	must(t, err)
	if first.ReceivedAt != again.ReceivedAt || first.State != again.State || len(first.Files) != len(again.Files) {
		t.Errorf("the same reply got two receipts:\n%+v\n%+v", first, again)
	}
	must(t, first.Proves(o.Hop, reply))
	reply.Files[0].Size++
	if _, err := b.Reply(ctx, o.Hop, reply); err == nil {
		t.Error("the same reply with other bytes was taken")
	}
	s.until(t, id, 10*time.Second, complete)
	mails, err := s.Mails()
	must(t, err)
	deadline := time.Now().Add(20 * time.Second)
	for len(mails) == 0 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		mails, err = s.Mails()
		must(t, err)
	}
	if len(mails) != 1 || !bytes.Contains(mails[0], []byte("Message-ID:")) {
		t.Errorf("%d mails: %s", len(mails), bytes.Join(mails, []byte("\n--\n")))
	}
	if _, err := os.Stat(s.Data()); err != nil {
		t.Error(err)
	}
}
