package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

func TestDaemon_WholeTurn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper(), picture(t))
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.reply()
	b.phase(flow.Sent)
	b.phase(flow.Idle) // there is nothing to take back, so it ends soon
	got := s.snapshot()
	if len(got.replies) != 1 || got.accepted(hopID(1)) != 1 {
		t.Fatalf("the server has %d replies", len(got.replies))
	}
	r := got.replies[0].reply
	if f := r.Facts; f.Photo != flow.PhotoTaken || f.SentBy != flow.SentByPress || f.Plays != 1 || f.Takes != 1 || f.HeardAt == nil ||
		f.DurationMS < 2000 || f.ToneEndMS < 300 || f.Late || !f.ClockSync {
		t.Errorf("facts %+v", f)
	}
	if len(r.Files) != 2 || r.Files[0].Role != protocol.RoleAudio || r.Files[1].Role != protocol.RoleImage {
		t.Errorf("files %+v", r.Files)
	}
	for _, kind := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard, protocol.TypeRecording, protocol.TypeSaved} {
		if !b.wire.heard(kind) {
			t.Errorf("the server was not told %q", kind)
		}
	}
	for _, p := range []flow.Prompt{flow.SayHereIs, flow.SayInvite, flow.SayRecReady, flow.SayPhotoAsk, flow.SayPhotoCount, flow.SayReviewConfirm, flow.SaySent} {
		if !b.face.said(p) {
			t.Errorf("the box did not say %q", p)
		}
	}
	b.stop()
	for _, dir := range []string{"inbox/" + hopID(1), "takes/" + hopID(1), "outbox"} {
		if list, err := os.ReadDir(filepath.Join(b.dir, dir)); err == nil && len(list) > 0 {
			t.Errorf("%s still holds %d things", dir, len(list))
		}
	}
}

func TestDaemon_GraceSendsByItself(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.SendMode = protocol.SendGrace; o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.phase(flow.Sent)
	if f := s.snapshot().replies[0].reply.Facts; f.SentBy != flow.SentByGrace || f.Photo != flow.PhotoNone {
		t.Errorf("facts %+v", f)
	}
}

func TestDaemon_RecalledWhileRecording(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.lateHops[hopID(1)] = true
	o := s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.press(flow.New)
	b.press(flow.Invite)
	b.phase(flow.Recording)
	b.tell(link.Hint{Kind: link.Recall, Ref: protocol.HopRef{Hop: hopID(1), Epoch: 1}})
	b.until("late", func(s flow.State) bool { return s.Turn.Late })
	s.offer(hopID(1), func(p *protocol.Offer) { *p = o; p.State = protocol.OfferWithdrawn })
	b.pull()
	b.speak()
	b.press(flow.Recording)
	b.press(flow.Review)
	b.phase(flow.Sent)
	b.phase(flow.Idle)
	if r := s.snapshot().replies; len(r) != 1 || !r[0].reply.Facts.Late {
		t.Errorf("replies %+v", r)
	}
	if !b.face.said(flow.SayLate) {
		t.Error("nobody thanked")
	}
}

func TestDaemon_WithdrawnBeforeItIsHeard(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.offer(hopID(1), nil, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.phase(flow.New)
	s.offer(hopID(1), func(p *protocol.Offer) { *p = o; p.State = protocol.OfferWithdrawn })
	b.pull()
	b.phase(flow.Idle)
	b.stop()
	if _, err := os.Stat(filepath.Join(b.dir, "inbox", hopID(1))); err == nil {
		t.Error("the whisper is still on the box")
	}
}

func TestDaemon_Pause(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	dir := t.TempDir()
	b := start(t, dir, s, nil)
	b.online()
	b.phase(flow.New)
	b.tell(link.Hint{Kind: link.Pause})
	b.phase(flow.Paused)
	b.stop()
	b = start(t, dir, s, nil) // a rest survives the night
	b.phase(flow.Paused)
	b.tell(link.Hint{Kind: link.Resume})
	b.phase(flow.New)
}

func TestDaemon_OfflineSavesAndSendsLater(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.phase(flow.New)
	s.do(func() { s.down = true })
	b.tell(link.Hint{Kind: link.Down, Err: os.ErrDeadlineExceeded})
	b.until("offline", func(s flow.State) bool { return !s.Online })
	b.record()
	b.reply()
	b.phase(flow.Queued)
	if b.face.said(flow.SaySent) {
		t.Error("it said sent")
	}
	s.do(func() { s.down = false })
	b.online()
	b.until("the receipt", func(s flow.State) bool { return s.Phase == flow.Idle && s.SentLater })
	b.knock()
	b.until("a word", func(flow.State) bool { return b.face.said(flow.SaySentLater) })
	if n := s.snapshot().accepted(hopID(1)); n != 1 {
		t.Errorf("%d replies", n)
	}
}

func TestDaemon_DoublePressAtStop(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.tap() // the echo
	b.tap()
	b.phase(flow.PhotoAsk)
	b.tap()
	if st := b.until("the question", func(s flow.State) bool { return s.GuardSaid == 0 }); st.Take.N != 1 || st.Take.Photo == flow.PhotoTaken {
		t.Errorf("take %+v in %s", st.Take, st.Phase)
	}
}

func TestDaemon_StopWhileRecordingKeepsTheTake(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	dir := t.TempDir()
	b := start(t, dir, s, nil)
	b.online()
	b.press(flow.New)
	b.press(flow.Invite)
	b.speak()
	if !b.face.isRed() {
		t.Error("it records in the dark")
	}
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > stopWait {
		t.Errorf("stopping took %v", took)
	}
	b = start(t, dir, s, nil)
	if st := b.phase(flow.Draft); !st.Take.Partial || st.Take.N != 1 {
		t.Errorf("take %+v", st.Take)
	}
	b.online()
	b.press(flow.Draft)
	complete(b)
	if f := s.snapshot().replies[0].reply.Facts; f.DurationMS < 2000 {
		t.Errorf("facts %+v", f)
	}
}

// complete does whatever is left to do until nothing is.
func complete(b *box) {
	b.Helper()
	for {
		s := b.phase(flow.Idle, flow.New, flow.NewQuiet, flow.Heard, flow.Draft, flow.Invite, flow.PhotoAsk, flow.Review, flow.Empty, flow.Recording)
		switch s.Phase {
		case flow.Idle:
			if b.server.snapshot().accepted(hopID(1)) > 0 {
				return
			}
			b.until("the whisper", func(s flow.State) bool { return s.Phase != flow.Idle })
		case flow.Recording:
			b.speak()
			b.press(s.Phase)
		default:
			b.press(s.Phase)
		}
	}
}
