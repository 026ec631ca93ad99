package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
)

// resumes says in which states a box may start that was cut off in a state: the
// same, or the one that waits with the same things in hand (people.md E_POWER).
var resumes = map[flow.Phase][]flow.Phase{
	flow.Idle:        {flow.Idle},
	flow.New:         {flow.New},
	flow.NewQuiet:    {flow.NewQuiet},
	flow.Playing:     {flow.Heard},
	flow.Invite:      {flow.Heard},
	flow.Heard:       {flow.Heard},
	flow.RecReady:    {flow.Heard},
	flow.Recording:   {flow.Heard, flow.Draft}, // by how much was said
	flow.Check:       {flow.Draft},
	flow.Empty:       {flow.Heard},
	flow.PhotoAsk:    {flow.Draft},
	flow.PhotoCount:  {flow.Draft},
	flow.Review:      {flow.Draft},
	flow.Draft:       {flow.Draft},
	flow.Sending:     {flow.Draft, flow.Queued, flow.Idle}, // before the seal, behind it, behind the receipt
	flow.Sent:        {flow.Idle},
	flow.Queued:      {flow.Queued},
	flow.Recall:      {flow.Idle, flow.Heard}, // the server is asked whose turn it is
	flow.Paused:      {flow.Paused},
	flow.Ended:       {flow.Ended},
	flow.MicFault:    {flow.Heard},
	flow.SelfTesting: {flow.Idle},
}

// The power is cut in each state, with nothing closed, and comes back with
// another program on the same card. It goes on where it was or where it is
// safe, in silence; the take is there; the reply arrives once, and whole (A3).
func TestPower_CutInEveryState(t *testing.T) {
	t.Parallel()
	inParallel(places(), func(at place) {
		t.Run(string(at.phase), func(t *testing.T) { cutIn(t, at) })
	})
}

// inParallel runs tests that wait for time-outs and hardly need a processor.
func inParallel[T any](list []T, run func(T)) {
	room := make(chan struct{}, 12)
	done := make(chan struct{})
	for _, v := range list {
		go func() {
			room <- struct{}{}
			run(v)
			<-room
			done <- struct{}{}
		}()
	}
	for range list {
		<-done
	}
}

func cutIn(t *testing.T, at place) {
	s, m := newServer(t), newMachine(t)
	if at.phase != flow.Idle && at.phase != flow.SelfTesting {
		s.offer(hopID(1), at.offer, whisper(), picture(t))
	}
	m.file(micSilent, at.phase == flow.Empty)
	m.file(micGone, at.phase == flow.MicFault)
	fit := func(o *Options) {
		m.fit(o)
		if at.fit != nil {
			at.fit(o)
		}
	}
	b := start(t, t.TempDir(), s, fit)
	c := cut{when: string(at.phase), dir: filepath.Join(t.TempDir(), "cut")}
	there := make(chan struct{})
	b.mu.Lock()
	b.machine = m
	b.hook = func(e flow.Event, now flow.State) {
		m.listen(e, now)
		if now.Phase != at.phase || !now.Restored {
			return
		}
		select {
		case <-there:
		default:
			copyTree(t, b.dir, c.dir)
			c.server, c.state = s.snapshot(), now // behind the box: what has a receipt is on the server
			close(there)
		}
	}
	b.mu.Unlock()
	b.online()
	b.walk(at, there)
	b.stop()

	s = newServer(t)
	s.s = c.server
	m = newMachine(t)
	b = start(t, c.dir, s, fit)
	b.mu.Lock()
	b.machine = m
	b.hook = m.listen
	b.mu.Unlock()
	b.until("the start", func(s flow.State) bool { return s.Restored })
	first := b.first
	if !slices.Contains(resumes[at.phase], first.Phase) {
		t.Errorf("cut in %s, it starts in %s and not in %v", at.phase, first.Phase, resumes[at.phase])
	}
	if first.Voice != 0 || first.Live() || b.face.isRed() {
		t.Errorf("it does not start in silence: %+v", first)
	}
	kept := c.state.Take.N + c.state.Old.N
	if kept != 0 && first.Take.N == 0 && len(first.Unsent) == 0 && c.server.accepted(hopID(1)) == 0 {
		t.Error("the take is gone")
	}
	b.finishAfterACut(at)
	b.stop()
}

// finishAfterACut answers what is left to answer, and looks at what arrived.
func (b *box) finishAfterACut(at place) {
	b.Helper()
	b.online()
	b.tell(link.Hint{Kind: link.Resume})
	switch at.phase {
	case flow.Ended:
		b.until("the wiping", func(s flow.State) bool { return s.Wiped })
		if left := append(b.files("inbox/*/*"), b.files("takes/*/*")...); len(left) > 0 {
			b.Errorf("left after the end: %v", left)
		}
		return
	case flow.Idle, flow.SelfTesting:
		b.server.offer(hopID(1), nil, whisper(), picture(b))
		b.pull()
	}
	b.answerAll()
	b.eventually("the receipt", func() bool { return len(b.now().Unsent) == 0 })
	got := b.server.snapshot()
	accepted := got.accepted(hopID(1))
	if back := len(got.replies) - accepted; accepted != 1 || back > 0 && at.phase != flow.Recall {
		b.Errorf("%d replies are accepted of %d", accepted, len(got.replies))
	}
	for _, h := range got.replies {
		for _, f := range h.reply.Files {
			data := got.uploads[f.Upload]
			if digest(data) != f.SHA256 || int64(len(data)) != f.Size {
				b.Errorf("a %s arrived in part", f.Role)
			}
			if f.Type != "audio/wav" {
				continue
			}
			sound := wavLength(b, data)
			if d := time.Duration(h.reply.Facts.DurationMS) * time.Millisecond; d < 1500*time.Millisecond || (sound-d).Abs() > 100*time.Millisecond {
				b.Errorf("the recording lasts %v, and is said to last %v", sound, d)
			}
		}
	}
}

func wavLength(t testing.TB, data []byte) time.Duration {
	t.Helper()
	name := filepath.Join(t.TempDir(), "take.wav")
	must(t, os.WriteFile(name, data, 0o600))
	s, err := media.OpenWAV(name)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	return s.Duration()
}
