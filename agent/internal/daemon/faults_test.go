package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// sent brings a box to SENT with a reply that can be taken back.
func sent(t *testing.T, s *server, dir string) *box {
	t.Helper()
	s.offer(hopID(1), func(o *protocol.Offer) {
		o.SendMode = protocol.SendGrace
		o.RecallSeconds = 600
		o.PhotoAllowed = false
	}, whisper())
	b := start(t, dir, s, nil)
	b.online()
	b.record()
	b.phase(flow.Sent)
	return b
}

// askBack presses twice in SENT.
func askBack(b *box) {
	b.Helper()
	b.knock()
	b.until("the question", func(s flow.State) bool { return s.Asking && s.GuardSaid == 0 })
	b.knock()
}

func TestDaemon_TakeBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := sent(t, s, t.TempDir())
	askBack(b)
	b.phase(flow.Heard)
	b.until("a word", func(flow.State) bool { return b.face.said(flow.SayRecalled) })
	if got := s.snapshot(); got.accepted(hopID(1)) != 0 || got.replies[0].receipt.State != protocol.ReplyTakenBack {
		t.Errorf("replies %+v", got.replies)
	}
	takes, err := b.spool.Takes()
	if err != nil || len(takes) != 0 {
		t.Errorf("what was taken back is still there: %v %v", takes, err)
	}
	b.pull() // the server offers the turn again, in the same epoch
	b.record()
	b.phase(flow.Sent)
	if got := s.snapshot(); got.accepted(hopID(1)) != 1 || len(got.replies) != 2 || got.replies[1].reply.Take != 2 {
		t.Errorf("replies %+v", got.replies)
	}
}

func TestDaemon_TakeBackTooLate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := sent(t, s, t.TempDir())
	s.do(func() { s.recall = 409 })
	askBack(b)
	b.until("the truth", func(s flow.State) bool { return s.Phase == flow.Sent && s.Turn.Final })
	b.phase(flow.Idle)
	b.until("a word", func(flow.State) bool { return b.face.said(flow.SayRecallNo) })
	b.stop()
	if _, err := os.Stat(filepath.Join(b.dir, "inbox", hopID(1))); err == nil {
		t.Error("the whisper is still on the box")
	}
}

// The server gave the reply back, and the box was cut off before it knew: it
// asks again at the next start, because the turn is its own.
func TestDaemon_TakeBackAcrossAPowerCut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := sent(t, s, t.TempDir())
	s.do(func() { s.dropped = 100 })
	askBack(b)
	b.phase(flow.Recall)
	for s.snapshot().accepted(hopID(1)) != 0 {
		time.Sleep(time.Millisecond)
	}
	dir := t.TempDir()
	copyTree(t, b.dir, dir)
	b.stop()
	s.do(func() { s.dropped = 0 })
	b = start(t, dir, s, nil)
	b.online()
	b.record()
	b.phase(flow.Sent)
	if got := s.snapshot(); got.accepted(hopID(1)) != 1 {
		t.Errorf("replies %+v", got.replies)
	}
}

func TestDaemon_LaterOfferSurvivesTheEndOfTheEarlier(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false; o.RecallSeconds = 600 }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
	s.offer(hopID(1), func(p *protocol.Offer) { *p = o; p.Epoch = 2 })
	b.pull()
	b.until("the second offer", func(s flow.State) bool { return s.Turn.Epoch == 2 })
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
	if r := s.snapshot().replies; len(r) != 2 || r[1].reply.Epoch != 2 {
		t.Errorf("replies %+v", r)
	}
}

// The second offer is on the disk and its media are not, when the citizen is
// done with the first: putting that away must not take the second along.
func TestDaemon_LaterOfferIsNotForgottenWithTheEarlier(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.phase(flow.New)
	other := media.EncodeWAV(media.Babble("another", 1))
	s.do(func() { s.hidden = true })
	s.offer(hopID(1), func(p *protocol.Offer) {
		files := p.Files
		*p = o
		p.Epoch, p.Files = 2, files
	}, other)
	b.pull()
	for e, err := b.spool.Entry(hopID(1)); err != nil || e.Offer.Epoch != 2; e, err = b.spool.Entry(hopID(1)) {
		time.Sleep(time.Millisecond)
	}
	b.tell(link.Hint{Kind: link.Recall, Ref: protocol.HopRef{Hop: hopID(1), Epoch: 1}})
	b.phase(flow.Idle)
	s.do(func() { s.hidden = false })
	b.pull()
	b.until("the second offer", func(s flow.State) bool { return s.Turn.Epoch == 2 })
}

// The server's list says "answered" before the receipt has come: that is our
// own answer, and no reason to thank for a late one.
func TestDaemon_AnsweredByUsIsNoRecall(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	done := make(chan struct{})
	s.do(func() {
		s.onReceipt = func() {
			o.State = protocol.OfferAnswered
			b.d.post(b.d.ctx, func() { defer close(done); b.d.closed(o) })
			<-done
		}
	})
	b.press(flow.Review)
	if st := b.phase(flow.Sent); st.Turn.Late {
		t.Error("it was taken for late")
	}
}

func TestDaemon_WhatCannotBePlayedIsNeverShown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, []byte("this is no sound, whatever its name"))
	s.offer(hopID(2), nil, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	if st := b.phase(flow.New); st.Turn.Hop != hopID(2) || len(st.Queue) != 0 {
		t.Errorf("turn %+v, queue %+v", st.Turn, st.Queue)
	}
}

func TestDaemon_ServerRefusesTheBox(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.tell(link.Hint{Kind: link.Down, Err: &link.Refused{Problem: &protocol.Problem{Status: 401, Code: protocol.CodeDeviceRevoked}}})
	b.until("the refusal", func(s flow.State) bool { return !s.Online })
}

func TestDaemon_ShortCutIsNobodysBusiness(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := start(t, t.TempDir(), s, func(o *Options) { o.Grace = time.Hour })
	b.online()
	b.tell(link.Hint{Kind: link.Down, Err: os.ErrDeadlineExceeded})
	b.online()
	b.tell(link.Hint{Kind: link.Remind, Ref: protocol.HopRef{Hop: hopID(1), Epoch: 1}})
	b.until("the last hint", func(flow.State) bool { return len(b.kinds(flow.KindRemind)) > 0 })
	if len(b.kinds(flow.KindNetDown)) > 0 {
		t.Error("the machine was told of it")
	}
}

// deaf cannot be opened.
type deaf struct{}

func (deaf) Open(context.Context, *os.File, media.Listener) (*media.Recording, error) {
	return nil, &media.Fault{Code: media.CodeMicrophone, Text: "The microphone gives no sound."}
}

func TestDaemon_MicrophoneGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	b := start(t, t.TempDir(), s, func(o *Options) { o.Microphone = deaf{} })
	b.online()
	b.press(flow.New)
	b.press(flow.Invite)
	b.phase(flow.MicFault)
	b.until("the truth", func(flow.State) bool { return b.face.said(flow.SayMicRing) })
	if b.face.said(flow.SayMicTold) {
		t.Error("it says that the team knows; nobody told them")
	}
	b.phase(flow.Heard)
}

// blind never takes a picture, but opens.
type blind struct{}

func (blind) Photograph(ctx context.Context, _ *os.File, shoot <-chan struct{}) (media.Photo, error) {
	<-shoot
	return media.Photo{}, &media.Fault{Code: media.CodeCamera, Text: "The camera gives no picture."}
}

func TestDaemon_CameraFails(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	b := start(t, t.TempDir(), s, func(o *Options) { o.Camera = blind{} })
	b.online()
	b.record()
	b.press(flow.PhotoAsk)
	b.press(flow.Review)
	b.phase(flow.Sent)
	if r := s.snapshot().replies[0].reply; r.Facts.Photo != flow.PhotoFailed || len(r.Files) != 1 {
		t.Errorf("reply %+v", r)
	}
}

// mute fails to play until it is mended.
type mute struct {
	media.NullSpeaker
	broken chan struct{} // closed: mended
}

func (m *mute) Play(ctx context.Context, title string, s media.Sound, gain float64) error {
	select {
	case <-m.broken:
		return m.NullSpeaker.Play(ctx, title, s, gain)
	default:
		return errors.Join(&media.Fault{Code: media.CodeSpeaker, Text: "The loudspeaker does not play."}, s.Close())
	}
}

func TestDaemon_SpeakerGoneAndBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	m := &mute{NullSpeaker: media.NullSpeaker{Pace: pace}, broken: make(chan struct{})}
	b := start(t, t.TempDir(), s, func(o *Options) { o.Speaker = m })
	b.online()
	b.until("the loss", func(s flow.State) bool { return s.NoSpeaker })
	close(m.broken)
	b.d.post(b.d.ctx, b.d.minutely)
	b.until("its return", func(s flow.State) bool { return !s.NoSpeaker })
	b.press(flow.New)
	b.phase(flow.Playing)
}

// A disk that takes nothing keeps what it has, says so, and the box lives on.
func TestDaemon_FullDiskAtTheSeal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	dir := t.TempDir()
	full := make(chan bool, 1)
	full <- false
	b := start(t, dir, s, func(o *Options) {
		must(t, o.Spool.Close())
		var err error
		o.Spool, err = spool.Open(spool.Options{Dir: dir, Rescan: 200 * time.Millisecond, Fault: func(_ spool.Op, name string) error {
			is := <-full
			full <- is
			if is && strings.HasPrefix(name, "outbox/") {
				return syscall.ENOSPC
			}
			return nil
		}})
		must(t, err)
	})
	b.spool = b.d.spool
	b.online()
	b.record()
	b.phase(flow.Review)
	<-full
	full <- true
	b.press(flow.Review)
	st := b.phase(flow.Draft)
	if st.Take.N != 1 {
		t.Errorf("the take is gone: %+v", st.Take)
	}
	b.until("the truth", func(flow.State) bool { return b.face.said(flow.SayFullRing) })
	<-full
	full <- false
	b.d.post(b.d.ctx, b.d.minutely)
	b.press(flow.Draft)
	complete(b)
	if n := s.snapshot().accepted(hopID(1)); n != 1 {
		t.Errorf("%d replies", n)
	}
}

func TestDaemon_SettingsAreKeptForTheNight(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	night := protocol.Settings{Version: 7, SendMode: protocol.SendConfirm, TimeZone: "Asia/Tokyo", QuietFrom: "20:00", QuietUntil: "07:00", Volume: 1, Language: "en"}
	b := start(t, dir, s, nil) // noon in London is nine in the evening in Tokyo
	b.tell(link.Hint{Kind: link.Settings, Settings: &night})
	b.until("the night", func(s flow.State) bool { return s.Quiet && !s.Config.PhotoAllowed })
	b.stop()
	b = start(t, dir, s, nil) // without a word of the server
	if st := b.until("the start", func(s flow.State) bool { return s.Restored }); !st.Quiet || st.Config.SendMode != protocol.SendConfirm {
		t.Errorf("quiet %t, config %+v", st.Quiet, st.Config)
	}
}

func TestDaemon_UnknownClockIsNight(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := start(t, t.TempDir(), s, func(o *Options) { o.ClockKnown = func() bool { return false } })
	b.until("the start", func(s flow.State) bool { return s.Restored && s.ClockUnknown })
	b.online() // the server has the same time: that will do
	b.until("the day", func(s flow.State) bool { return !s.Hushed() })
}

func TestDaemon_DamagedJournal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	dir := t.TempDir()
	b := start(t, dir, s, nil)
	b.online()
	b.phase(flow.New)
	b.stop()
	must(t, os.WriteFile(filepath.Join(dir, "journal", "flow.json"), []byte(`{"phase":`), 0o600))
	b = start(t, dir, s, nil)
	b.phase(flow.New)
}

func TestDaemon_StatusFile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	b := start(t, dir, s, func(o *Options) { o.StatusFile = file })
	b.online()
	b.phase(flow.New)
	r, err := ReadReport(file)
	if err != nil || !r.Running || !r.Online || r.Waiting != 1 || r.Server != "illumi" || r.LastContact.IsZero() {
		t.Errorf("%+v %v", r, err)
	}
	b.stop()
	if r, err = ReadReport(file); err != nil || r.Running || r.Online {
		t.Errorf("after the end: %+v %v", r, err)
	}
	if r, err := ReadReport(filepath.Join(dir, "none")); err != nil || r != (Report{}) {
		t.Errorf("no file: %+v %v", r, err)
	}
}
