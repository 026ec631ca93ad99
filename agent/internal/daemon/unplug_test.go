package daemon

import (
	"context"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// Parts that nobody watches for the daemon.
const (
	screenPart  Part = "screen"
	networkPart Part = "network"
)

// place is a state and the way there. Where everything goes well, and nobody
// presses any more, the box comes to rest in rests.
type place struct {
	phase flow.Phase
	// knocks are the phases in which the citizen presses on the way.
	knocks []flow.Phase
	// then is done once, in the phase in.
	in    flow.Phase
	then  func(b *box)
	fit   func(*Options)
	offer func(*protocol.Offer)
	rests []flow.Phase
}

func quietBox(o *Options) { o.Quiet = &Hours{"00:00", "23:59"} }

func testedBox(o *Options) {
	o.Checks = &Checks{SelfTest: func(ctx context.Context, h Hands, _ func(protocol.CheckItem)) []protocol.CheckItem {
		h.Panel.Show(flow.Lamps{Main: flow.LightFull}, 0)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		return []protocol.CheckItem{fine("light")}
	}}
}

func offline(b *box) {
	b.server.do(func() { b.server.down = true })
	b.tell(link.Hint{Kind: link.Down, Err: os.ErrDeadlineExceeded})
}

// places are all states of people.md 2.2 and 2.5 but BOOT, which lasts no event.
func places() []place {
	way := func(until flow.Phase) []flow.Phase {
		list := []flow.Phase{flow.Heard, flow.New, flow.Invite, flow.Empty, flow.Recording, flow.PhotoAsk, flow.Draft, flow.Review}
		return list[:slices.Index(list, until)+1]
	}
	// A question waits for people; with time it becomes the state behind it.
	waits := []flow.Phase{flow.New}
	heard := []flow.Phase{flow.Heard, flow.Invite}
	draft := []flow.Phase{flow.Draft, flow.Review}
	sent := []flow.Phase{flow.Sent, flow.Idle}
	return []place{
		{phase: flow.Idle, rests: waits},
		{phase: flow.New, rests: waits},
		{phase: flow.NewQuiet, fit: quietBox, rests: []flow.Phase{flow.NewQuiet}},
		{phase: flow.Playing, knocks: way(flow.New), rests: heard},
		{phase: flow.Invite, knocks: way(flow.New), rests: heard},
		{phase: flow.Heard, knocks: way(flow.New), rests: heard},
		{phase: flow.RecReady, knocks: way(flow.Invite), rests: draft},
		{phase: flow.Recording, knocks: way(flow.Invite), rests: draft},
		{phase: flow.Check, knocks: way(flow.Recording), rests: draft},
		{phase: flow.Empty, knocks: way(flow.Recording), rests: append(slices.Clone(heard), flow.Empty)},
		{phase: flow.PhotoAsk, knocks: way(flow.Recording), rests: draft},
		{phase: flow.PhotoCount, knocks: way(flow.PhotoAsk), rests: draft},
		{phase: flow.Review, knocks: way(flow.PhotoAsk), rests: draft},
		{phase: flow.Draft, knocks: way(flow.PhotoAsk), rests: draft},
		{phase: flow.Sending, knocks: way(flow.Review), rests: sent},
		{phase: flow.Sent, knocks: way(flow.Review), rests: sent},
		{phase: flow.Queued, knocks: way(flow.Review), in: flow.New, then: offline, rests: []flow.Phase{flow.Queued}},
		{phase: flow.Recall, knocks: append(way(flow.Review), flow.Sent), offer: func(o *protocol.Offer) { o.RecallSeconds = 600 }, rests: heard},
		{phase: flow.Paused, in: flow.New, then: func(b *box) { b.tell(link.Hint{Kind: link.Pause}) }, rests: []flow.Phase{flow.Paused}},
		{phase: flow.Ended, knocks: way(flow.Recording), in: flow.PhotoAsk, then: func(b *box) { b.tell(asked(link.End, 1)) }, rests: []flow.Phase{flow.Ended}},
		{phase: flow.MicFault, knocks: way(flow.Invite), rests: heard},
		{phase: flow.SelfTesting, fit: testedBox, in: flow.Idle, then: (*box).holdForTest, rests: []flow.Phase{flow.New, flow.Idle}},
	}
}

// otherwise is where a box comes to rest because a part is gone: what people.md
// 2.2 and 2.5 say of it. Anything else must make no difference.
var otherwise = map[Part]map[flow.Phase][]flow.Phase{
	PartMicrophone: { // E_MIC, and then the whisper waits
		flow.RecReady: {flow.Heard}, flow.Recording: {flow.Heard, flow.Draft},
	},
	PartSpeaker: { // no question is asked that cannot be heard
		flow.RecReady: {flow.Heard},
	},
	networkPart: {
		flow.Sending: {flow.Queued, flow.Sent, flow.Idle}, // the receipt may be faster
		// T_RECALL_WAIT is the machine's and so not quickened: it waits.
		flow.Recall: {flow.Recall, flow.Heard, flow.Sent},
	},
}

// Each part is pulled out in each state, and put back (people.md A3 for the network).
// The program goes on; the
// red light goes out and the microphone is closed; the box comes to rest where
// people.md says; and afterwards the whisper is answered, once.
func TestUnplug_EveryPartInEveryState(t *testing.T) {
	t.Parallel()
	type one struct {
		part Part
		at   place
	}
	var all []one
	for _, part := range []Part{PartMicrophone, PartCamera, PartSpeaker, networkPart, screenPart} {
		for _, at := range places() {
			all = append(all, one{part, at})
		}
	}
	inParallel(all, func(o one) {
		t.Run(string(o.part)+" in "+string(o.at.phase), func(t *testing.T) { unplug(t, o.part, o.at) })
	})
}

func unplug(t *testing.T, part Part, at place) {
	s, m := newServer(t), newMachine(t)
	later := at.phase == flow.Idle || at.phase == flow.SelfTesting
	give := func() { s.offer(hopID(1), at.offer, whisper(), picture(t)) }
	if !later {
		give()
	}
	m.file(micSilent, at.phase == flow.Empty)
	m.file(micGone, at.phase == flow.MicFault)
	b := start(t, t.TempDir(), s, func(o *Options) {
		m.fit(o)
		if at.fit != nil {
			at.fit(o)
		}
	})
	pulled := make(chan struct{})
	var fault atomic.Bool // E_MIC was seen
	b.mu.Lock()
	b.machine = m
	b.hook = func(e flow.Event, now flow.State) {
		m.listen(e, now)
		if m.recording() && !b.face.isRed() && m.recording() {
			t.Errorf("in %s the microphone is open in the dark", now.Phase)
		}
		if now.Phase == flow.MicFault {
			fault.Store(true)
		}
		if b.face.said(flow.SaySent) && len(s.snapshot().replies) == 0 { // people.md A3
			t.Errorf("in %s it says that it is sent, and the server has nothing", now.Phase)
		}
		if now.Phase != at.phase || !now.Restored {
			return
		}
		select {
		case <-pulled:
		default:
			b.take(m, part, false)
			close(pulled)
		}
	}
	b.mu.Unlock()
	b.online()
	b.walk(at, pulled)
	if later {
		give()
		if part != networkPart {
			b.pull()
		}
	}
	m.busy.Wait()
	rests := at.rests
	if o, ok := otherwise[part][at.phase]; ok {
		rests = o
	}
	if part == networkPart && later {
		rests = []flow.Phase{flow.Idle} // nothing can come
	}
	b.rests(m, at, rests)
	b.until("word of the loss", func(s flow.State) bool {
		switch part {
		case PartMicrophone: // news only to somebody who speaks
			return fault.Load() || at.phase != flow.RecReady && at.phase != flow.Recording
		case PartSpeaker:
			return s.NoSpeaker
		case PartCamera:
			return !s.HasCamera
		case networkPart:
			return !s.Online
		}
		return true
	})

	b.take(m, part, true)
	m.file(micSilent, false)
	m.file(micGone, false)
	s.do(func() { s.down = false })
	b.online()
	b.tell(link.Hint{Kind: link.Resume})
	if at.phase != flow.Ended {
		b.answerAll()
		if got := s.snapshot(); got.accepted(hopID(1)) != 1 {
			t.Errorf("%d replies are accepted of %d", got.accepted(hopID(1)), len(got.replies))
		}
	}
	b.stop()
	if m.recording() {
		t.Error("the microphone is open after the end")
	}
}

// now is the state after the last step.
func (b *box) now() flow.State { b.mu.Lock(); defer b.mu.Unlock(); return b.state }

// take pulls a part out or puts it back; from anywhere.
func (b *box) take(m *machine, p Part, is bool) {
	if p != networkPart {
		m.set(p, is)
		return
	}
	if is {
		b.server.do(func() { b.server.down = false })
		return // online tells the box
	}
	m.busy.Go(func() { // the loop itself may be here
		b.server.do(func() { b.server.down = true })
		select {
		case b.wire.hints <- link.Hint{Kind: link.Down, Err: os.ErrDeadlineExceeded}:
		case <-b.d.ctx.Done():
		}
	})
}

// walk is a citizen who goes to a place.
func (b *box) walk(at place, there <-chan struct{}) {
	b.Helper()
	late := time.After(5 * patience) // five minutes of theirs may have to pass
	then := at.then
	for {
		s := b.now()
		if then != nil && s.Phase == at.in && b.d.now() > s.Guard {
			then(b)
			then = nil
		}
		if slices.Contains(at.knocks, s.Phase) && (then == nil || s.Phase != at.in) {
			b.knockIn(s)
		}
		select {
		case <-there:
			return
		case <-time.After(3 * time.Millisecond):
		case <-late:
			b.Fatalf("never in %s; the box is in %s", at.phase, b.now().Phase)
		}
	}
}

// enough is how often a voice is told of, once a second, until somebody has
// certainly been heard.
const enough = 3

// rests waits until the box is at rest, dark and deaf.
func (b *box) rests(m *machine, at place, in []flow.Phase) {
	b.Helper()
	var s flow.State
	late := time.Now().Add(5 * patience)
	for {
		s = b.now()
		if s.Phase == flow.Recording && !there(m.dir, micGone) {
			b.knockIn(s) // or it goes on for three minutes
		}
		if slices.Contains(in, s.Phase) && !s.Live() && !b.face.isRed() && !m.recording() {
			return
		}
		if len(b.ended) > 0 {
			b.Fatal("the program ended")
		}
		if time.Now().After(late) {
			b.Fatalf("after %s the box is in %s (red %t, microphone open %t), and not in %v", at.phase, s.Phase, b.face.isRed(), m.recording(), in)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// answerAll is a person who presses whenever that does something, until the
// whisper is answered and sent.
func (b *box) answerAll() {
	b.Helper()
	late := time.Now().Add(5 * patience)
	for b.server.snapshot().accepted(hopID(1)) == 0 {
		if time.Now().After(late) {
			b.Fatalf("the whisper is never answered; the box is in %s", b.now().Phase)
		}
		s := b.now()
		switch s.Phase {
		case flow.New, flow.NewQuiet, flow.Heard, flow.Draft, flow.Invite, flow.PhotoAsk, flow.Review, flow.Empty, flow.Recording:
			b.knockIn(s)
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// knockIn presses once if a press counts by now.
func (b *box) knockIn(s flow.State) {
	b.Helper()
	open := max(s.Guard, s.Keys[0].Lock, s.Keys[0].Up+60*time.Millisecond)
	if s.Phase == flow.Recording {
		open = max(open, s.Since+2*time.Second)
	}
	if s.GuardSaid == 0 && b.d.now() >= open && (s.Phase != flow.Recording || b.machine.heard()) {
		b.tap()
	}
	time.Sleep(5 * time.Millisecond)
}

// What was said until the microphone went is kept, and sent only when its
// citizen says so; with the microphone back the box goes on by itself.
func TestUnplug_MicrophoneInMidSentence(t *testing.T) {
	t.Parallel()
	s, m := newServer(t), newMachine(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, m.fit)
	b.mu.Lock()
	b.machine = m
	b.hook = m.listen
	b.mu.Unlock()
	b.online()
	b.press(flow.New)
	b.press(flow.Invite)
	b.phase(flow.Recording)
	since := b.now().Since
	b.eventually("half a sentence", func() bool { return b.d.now() > since+5*time.Second })
	m.set(PartMicrophone, false)
	if s := b.phase(flow.MicFault); s.Take.N != 1 || !s.Take.Partial {
		t.Errorf("take %+v", s.Take)
	}
	b.rests(m, place{phase: flow.MicFault}, []flow.Phase{flow.MicFault, flow.Draft})
	m.set(PartMicrophone, true)
	b.phase(flow.Draft)
	if n := len(s.snapshot().replies); n != 0 {
		t.Error("half a sentence was sent unasked")
	}
	b.answerAll()
	if got := s.snapshot(); len(got.replies) != 1 || got.replies[0].reply.Take != 1 || got.replies[0].reply.Facts.DurationMS < 1500 {
		t.Errorf("replies %+v", got.replies)
	}
}

// A box starts with nothing plugged in, and works once everything is.
func TestUnplug_NothingThereAtTheStart(t *testing.T) {
	t.Parallel()
	s, m := newServer(t), newMachine(t)
	s.offer(hopID(1), nil, whisper(), picture(t))
	s.do(func() { s.down = true })
	parts := []Part{PartMicrophone, PartCamera, PartSpeaker, screenPart}
	for _, p := range parts {
		m.set(p, false)
	}
	b := start(t, t.TempDir(), s, m.fit)
	b.mu.Lock()
	b.machine = m
	b.hook = m.listen
	b.mu.Unlock()
	b.until("the loss of the loudspeaker", func(s flow.State) bool { return s.NoSpeaker && !s.HasCamera })
	b.edge(flow.Main, true)
	b.edge(flow.Main, false)
	b.rests(m, place{phase: flow.Boot}, []flow.Phase{flow.Idle})
	for _, p := range parts {
		m.set(p, true)
	}
	s.do(func() { s.down = false })
	b.online()
	b.answerAll()
	if got := s.snapshot(); got.accepted(hopID(1)) != 1 || len(got.replies[0].reply.Files) < 1 {
		t.Errorf("replies %+v", got.replies)
	}
}
