package daemon

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// pace makes the people of these tests a hundred times as fast as life.
var pace = media.Pace{Speed: 100}

// patience bounds every wait.
const patience = time.Minute

// must and check fail the test.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whisper is what an earlier box said; picture is what it showed.
func whisper() []byte { return media.EncodeWAV(media.Babble("before", 1)) }

func picture(t testing.TB) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	img.SetGray(3, 3, color.Gray{200})
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

// face is the panel: it keeps what was shown and lets a test press.
type face struct {
	in chan panel.Input

	mu    sync.Mutex
	lamps flow.Lamps
	red   bool
	reds  int // how often it was lit
	says  []string
	view  panel.View
}

func (f *face) Inputs() <-chan panel.Input { return f.in }
func (f *face) Close() error               { return nil }
func (f *face) Show(l flow.Lamps, _ float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lamps = l
}
func (f *face) Recording(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.red = on
	if on {
		f.reds++
	}
}
func (f *face) Update(v panel.View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Prompt != f.view.Prompt {
		f.says = append(f.says, v.Prompt)
	}
	f.view = v
}
func (f *face) isRed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.red
}
func (f *face) said(p flow.Prompt) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.says, flow.Prompts[p])
}

// wire is the link: a test puts hints in and reads what was sent.
type wire struct {
	hints chan link.Hint
	mu    sync.Mutex
	told  []protocol.Message
	state []protocol.Status
}

func (w *wire) Run(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
func (w *wire) Hints() <-chan link.Hint       { return w.hints }
func (w *wire) Progress(m protocol.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, m)
	return nil
}
func (w *wire) Status(s protocol.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = append(w.state, s)
	return nil
}
func (w *wire) heard(kind protocol.MessageType) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.told, func(m protocol.Message) bool { return m.Type == kind })
}

// lips is a microphone whose speaker lets the test know when all is said.
type lips struct {
	Microphone
	said chan (<-chan struct{})
}

func (l lips) Open(ctx context.Context, to *os.File, listen media.Listener) (*media.Recording, error) {
	r, err := l.Microphone.Open(ctx, to, listen)
	if err == nil {
		l.said <- r.Said()
	}
	return r, err
}

// box is a daemon under test, on a directory and with a server.
type box struct {
	*testing.T
	dir    string
	face   *face
	wire   *wire
	server *server
	said   chan (<-chan struct{})
	d      *Daemon
	spool  *spool.Spool
	// machine is what its parts are, where they can be pulled out.
	machine *machine

	mu      sync.Mutex
	state   flow.State
	first   flow.State // after the boot event
	events  []flow.Event
	changed chan struct{}
	hook    func(flow.Event, flow.State)

	cancel context.CancelFunc
	ended  chan error
}

// diary keeps what a box logs, for the day it fails.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// start runs a box. change adapts its options, and may give it parts.
func start(t *testing.T, dir string, s *server, change func(*Options)) *box {
	t.Helper()
	b := &box{T: t, dir: dir, server: s, changed: make(chan struct{}), ended: make(chan error, 1),
		face: &face{in: make(chan panel.Input)}, wire: &wire{hints: make(chan link.Hint)}, said: make(chan (<-chan struct{}), 8)}
	var err error
	b.spool, err = spool.Open(spool.Options{Dir: dir, Rescan: 200 * time.Millisecond})
	must(t, err)
	client, err := transfer.New(transfer.Options{Server: s.URL, Secret: "secret", Board: "board"})
	must(t, err)
	live := media.NewLive(pace, b.face.Recording)
	var log diary
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the box's log:\n%s", log.String())
		}
	})
	o := Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Spool:  b.spool, Client: client, Link: b.wire, Panel: b.face, Pace: pace, ServerID: "server-1", Grace: 10 * time.Millisecond,
		Microphone: &media.GeneratedMicrophone{Name: "box", Pace: pace, Live: live},
		Speaker:    &media.NullSpeaker{Pace: pace}, Pack: media.Pack{Murmur: true},
		Camera: &media.DrawnCamera{Name: "box", Live: live},
		Now:    func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }, Zone: time.UTC,
	}
	if change != nil {
		change(&o)
	}
	o.Microphone = lips{o.Microphone, b.said}
	o.stepped = func(e flow.Event, s flow.State) {
		b.mu.Lock()
		b.state = s
		if e.Kind == flow.KindBoot {
			b.first = s
		}
		b.events = append(b.events, e)
		hook := b.hook
		close(b.changed)
		b.changed = make(chan struct{})
		b.mu.Unlock()
		if b.face.isRed() && !s.Live() {
			t.Errorf("in %s the red light is on", s.Phase)
		}
		if hook != nil {
			hook(e, s)
		}
	}
	b.d, err = New(o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	go func() { b.ended <- b.d.Run(ctx) }()
	t.Cleanup(func() { b.stop() })
	return b
}

// stop ends the box as SIGTERM does.
func (b *box) stop() {
	b.Helper()
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	select {
	case err := <-b.ended:
		if err := errors.Join(err, b.spool.Close()); err != nil {
			b.Error(err)
		}
	case <-time.After(patience):
		b.Fatal("the box did not end")
	}
	if b.face.isRed() {
		b.Error("the red light stays on")
	}
}

// until waits for the state to be so.
func (b *box) until(what string, is func(flow.State) bool) flow.State {
	b.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		s, changed := b.state, b.changed
		b.mu.Unlock()
		if is(s) {
			return s
		}
		select {
		case <-changed:
		case <-late:
			b.Fatalf("waited in vain for %s; the box is in %s", what, s.Phase)
		}
	}
}

func (b *box) phase(p ...flow.Phase) flow.State {
	b.Helper()
	return b.until(string(p[0]), func(s flow.State) bool { return slices.Contains(p, s.Phase) })
}

// tell gives the box a hint of its link.
func (b *box) tell(h link.Hint) {
	b.Helper()
	select {
	case b.wire.hints <- h:
	case <-time.After(patience):
		b.Fatal("the box takes no hint")
	}
}

// online is a welcome of the server.
func (b *box) online() {
	b.Helper()
	b.tell(link.Hint{Kind: link.Up, Welcome: protocol.Welcome{Version: 1, ServerID: "server-1", Server: "illumi", ServerTime: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}})
	b.until("a welcome", func(s flow.State) bool { return s.Online })
}

// tap presses and lets go.
func (b *box) tap() {
	b.Helper()
	for _, down := range []bool{true, false} {
		select {
		case b.face.in <- panel.Input{Button: flow.Main, Down: down, At: time.Now()}:
		case <-time.After(patience):
			b.Fatal("the box takes no press")
		}
	}
}

// knock presses once, as soon as a press counts.
func (b *box) knock() {
	b.Helper()
	s := b.until("a free button", func(s flow.State) bool { return s.GuardSaid == 0 })
	time.Sleep(pace.Real(max(s.Guard, s.Keys[0].Lock, s.Keys[0].Up+60*time.Millisecond) - b.d.now()))
	b.tap()
}

// press waits until a press counts in a phase, and presses until it is left.
func (b *box) press(p flow.Phase) {
	b.Helper()
	b.phase(p)
	late := time.After(patience)
	for {
		b.mu.Lock()
		s, changed := b.state, b.changed
		b.mu.Unlock()
		if s.Phase != p {
			return
		}
		now := b.d.now()
		open := max(s.Guard, s.Keys[0].Lock, s.Keys[0].Up+60*time.Millisecond)
		if p == flow.Playing {
			open = max(open, s.Since+4*time.Second)
		}
		if p == flow.Recording {
			open = max(open, s.Since+2*time.Second)
		}
		if s.GuardSaid == 0 && now >= open {
			b.tap()
		}
		select {
		case <-changed:
		case <-time.After(max(pace.Real(open-now), time.Millisecond)):
		case <-late:
			b.Fatalf("presses in %s do nothing", p)
		}
	}
}

// speak says all there is to say.
func (b *box) speak() {
	b.Helper()
	var said <-chan struct{}
	select {
	case said = <-b.said:
	case <-time.After(patience):
		b.Fatal("the microphone was not opened")
	}
	b.phase(flow.Recording)
	select {
	case <-said:
	case <-time.After(patience):
		b.Fatal("nothing was said")
	}
}

// record goes from a new whisper to the end of an answer.
func (b *box) record() {
	b.Helper()
	if s := b.phase(flow.New, flow.NewQuiet, flow.Heard); s.Phase != flow.Invite {
		b.press(s.Phase)
	}
	b.press(flow.Invite)
	b.speak()
	b.press(flow.Recording)
}

// reply goes on, with a photo, until the reply is sealed.
func (b *box) reply() {
	b.Helper()
	b.press(flow.PhotoAsk)
	b.press(flow.Review)
}

// pull makes the box ask its server.
func (b *box) pull() { b.tell(link.Hint{Kind: link.Offers}) }

// copyTree copies a state directory as a power cut would leave it.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // renamed while we looked
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	must(t, err)
}

func mediaLevel(at time.Duration, rms float64) media.Level { return media.Level{At: at, RMS: rms} }

func same(a, b flow.State) bool { return reflect.DeepEqual(a, b) }
