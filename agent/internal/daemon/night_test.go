package daemon

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// wallClock is the machine's clock, which a test sets.
type wallClock struct {
	mu    sync.Mutex
	at    time.Time
	known bool
}

func (c *wallClock) set(at time.Time, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.known = at, known
}

func (c *wallClock) use(o *Options) {
	o.Now = func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
	o.ClockKnown = func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.known }
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// In quiet hours the screen is dark and nothing is said unasked (people.md A5);
// both end by the box's own clock, without a server.
func TestNight_IsDarkAndSilent(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), &wallClock{at: noon.Add(11 * time.Hour), known: true}
	dark := &pane{}
	b := ready(t, t.TempDir(), s, func(o *Options) { c.use(o); o.Display = dark })
	if !dark.dark() {
		t.Error("the screen is lit at night")
	}
	b.online()
	s.offer(hopID(1), nil, whisper(), picture(t))
	b.pull()
	b.phase(flow.NewQuiet)
	b.tell(link.Hint{Kind: link.Remind, Ref: protocol.HopRef{Hop: hopID(1), Epoch: 1}})
	b.looped()
	if len(b.face.says) > 0 {
		t.Errorf("at night it says %q", b.face.says)
	}
	if l := b.face.lit(); !l.Dim {
		t.Errorf("at night it shines: %+v", l)
	}
	c.set(noon.Add(21*time.Hour), true)
	b.minute()
	b.phase(flow.New)
	if dark.dark() || b.face.lit().Dim {
		t.Error("it is dark by day")
	}
	b.eventually("a word", func() bool { return b.face.said(flow.SayNew) })
}

func (f *face) lit() flow.Lamps { f.mu.Lock(); defer f.mu.Unlock(); return f.lamps }

// A box without a clock starts in 1970: that counts as night, nothing is dated
// before what has certainly been, and no take is erased when the time comes.
func TestClock_UnknownAtTheStart(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), &wallClock{at: noon, known: true}
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, c.use)
	b.online()
	b.phase(flow.New)
	b.stop()

	c.set(time.Unix(30, 0).UTC(), false)
	s.do(func() { s.down = true })
	b = ready(t, b.dir, s, c.use)
	if first := b.first; first.Phase != flow.NewQuiet || !first.ClockUnknown {
		t.Errorf("it starts in %s, clock unknown: %t", first.Phase, first.ClockUnknown)
	}
	b.record()
	b.phase(flow.Review)
	c.set(noon.Add(40*time.Hour), false) // somebody set it, and nobody vouches for it
	b.minute()
	if s := b.phase(flow.Review); s.Take.N != 1 {
		t.Errorf("take %+v", s.Take)
	}
	c.set(time.Unix(60, 0).UTC(), false)
	b.press(flow.Review)
	b.phase(flow.Queued)
	s.do(func() { s.down = false })
	b.tell(link.Hint{Kind: link.Up, Welcome: protocol.Welcome{Version: 1, ServerID: "server-1", ServerTime: noon.Add(time.Hour)}})
	b.phase(flow.Idle)
	f := s.snapshot().replies[0].reply.Facts
	if f.ClockSync || f.SavedAt.Before(noon) || f.SavedAt.After(noon.Add(time.Hour)) {
		t.Errorf("saved at %v, synchronised %t", f.SavedAt, f.ClockSync)
	}
	if !b.now().Hushed() {
		t.Error("a clock that is years off counts as known")
	}
	c.set(noon.Add(time.Hour), true)
	b.minute()
	b.until("the day", func(s flow.State) bool { return !s.Hushed() })
}

// The clock may be set while the box runs, either way: quiet hours follow.
func TestClock_Jumps(t *testing.T) {
	t.Parallel()
	c := &wallClock{at: noon, known: true}
	b := ready(t, t.TempDir(), newServer(t), c.use)
	for _, step := range []struct {
		at    time.Duration
		quiet bool
	}{{10 * time.Hour, true}, {0, false}, {-10 * time.Hour, true}, {365 * 24 * time.Hour, false}, {-time.Hour, false}, {-5 * time.Hour, true}} {
		c.set(noon.Add(step.at), true)
		b.minute()
		if s := b.now(); s.Quiet != step.quiet {
			t.Errorf("at %v quiet is %t", noon.Add(step.at), s.Quiet)
		}
	}
}

// room is a disk whose free bytes a test sets, and which a test can break.
type room struct {
	mu   sync.Mutex
	free int64
	err  error  // of every change
	name string // or only of files that are called so
}

// only breaks files that are called so.
func (r *room) only(name string) { r.mu.Lock(); defer r.mu.Unlock(); r.err, r.name = syscall.EIO, name }

func (r *room) fault(_ spool.Op, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(name, r.name) {
		return r.err
	}
	return nil
}

func (r *room) set(free int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free, r.err = free, err
}

func (r *room) use(t *testing.T, dir string) func(o *Options) {
	return func(o *Options) {
		must(t, o.Spool.Close())
		var err error
		o.Spool, err = spool.Open(spool.Options{
			Dir: dir, Rescan: 200 * time.Millisecond,
			Free:  func(string) (int64, error) { r.mu.Lock(); defer r.mu.Unlock(); return r.free, nil },
			Fault: r.fault,
		})
		must(t, err)
	}
}

// A full disk is the team's business at once and the citizen's only when they
// want to speak (people.md E_DISK): what was sent goes first, what was not sent
// never. With room again the box goes on by itself.
func TestDisk_Full(t *testing.T) {
	t.Parallel()
	s, r := newServer(t), &room{free: 1e9}
	dir := t.TempDir()
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, dir, s, r.use(t, dir))
	b.spool = b.d.spool
	b.online()
	complete(b)
	b.eventually("the receipt", func() bool { return len(b.files("sent/*/receipt.json")) == 1 })
	s.offer(hopID(2), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b.pull()
	b.phase(flow.New)
	r.set(1e8, nil)
	for range 3 {
		b.minute()
	}
	if n := b.reported(protocol.ReportDisk); n != 1 {
		t.Errorf("it was reported %d times", n)
	}
	if n := len(b.files("sent/*")); n != 0 {
		t.Errorf("%d replies that the server has take up room", n)
	}
	if b.face.said(flow.SayFullRing) || b.face.said(flow.SayFullTold) {
		t.Error("its citizen was told before they wanted to speak")
	}
	for _, rep := range b.reports() {
		b.tell(link.Hint{Kind: link.Acked, Ack: protocol.Ack{ID: rep.ID}})
	}
	b.press(flow.New)
	b.press(flow.Invite)
	b.eventually("the truth", func() bool { return b.face.said(flow.SayFullTold) })
	b.phase(flow.Heard)
	if b.face.reds != 1 { // of the first answer
		t.Error("it recorded")
	}
	r.set(1e9, nil)
	b.minute()
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
}

// A card that takes nothing any more (worn out, read-only) ends nothing: the box
// starts and plays, and never says that something is saved or sent.
func TestDisk_TakesNothing(t *testing.T) {
	for name, errno := range map[string]error{"read-only": syscall.EROFS, "broken": syscall.EIO, "full": syscall.ENOSPC} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := newServer(t), &room{free: 1e9}
			dir := t.TempDir()
			s.offer(hopID(1), nil, whisper(), picture(t))
			b := start(t, dir, s, nil)
			b.online()
			b.phase(flow.New)
			b.stop()

			b = start(t, dir, s, func(o *Options) { r.use(t, dir)(o); r.set(1e9, errno) })
			b.spool = b.d.spool
			b.until("the start", func(s flow.State) bool { return s.Restored })
			b.press(flow.New)
			b.phase(flow.Playing)
			b.press(flow.Invite)
			b.phase(flow.Heard, flow.MicFault)
			b.eventually("the truth", func() bool { return b.face.said(flow.SayMicRing) || b.face.said(flow.SayFullRing) })
			if errors.Is(errno, syscall.ENOSPC) && b.reported(protocol.ReportDisk) == 0 {
				t.Error("the team is not told")
			}
			for _, p := range []flow.Prompt{flow.SaySent, flow.SayQueued, flow.SayRecFull} {
				if b.face.said(p) {
					t.Errorf("it says %q", flow.Prompts[p])
				}
			}
			r.set(1e9, nil)
			b.minute()
			b.phase(flow.Heard)
			b.online()
			complete(b)
			if n := len(s.snapshot().replies); n != 1 {
				t.Errorf("%d replies", n)
			}
		})
	}
}

// The light follows a press while the disk hangs and an upload runs (people.md
// A2): nothing is waited for before it.
func TestLight_WaitsForNoDisk(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	s.offer(hopID(1), nil, whisper())
	slow := make(chan struct{}, 1)
	slow <- struct{}{}
	b := start(t, dir, s, func(o *Options) {
		must(t, o.Spool.Close())
		var err error
		o.Spool, err = spool.Open(spool.Options{Dir: dir, Fault: func(spool.Op, string) error {
			<-slow
			slow <- struct{}{}
			return nil
		}})
		must(t, err)
	})
	b.spool = b.d.spool
	b.online()
	b.phase(flow.New)
	b.eventually("silence", func() bool { s := b.now(); return s.Voice == 0 && b.d.now() > s.Guard })
	<-slow // from here on the disk hangs
	s.mu.Lock()
	go func() { b.face.in <- panel.Input{Button: flow.Main, Down: true, At: time.Now()} }()
	late := time.Now().Add(patience)
	for b.face.lit().Main != flow.LightHalf {
		if time.Now().After(late) {
			t.Error("the light waits for the disk")
			break
		}
		time.Sleep(time.Millisecond)
	}
	s.mu.Unlock()
	slow <- struct{}{}
	b.phase(flow.Playing)
}
