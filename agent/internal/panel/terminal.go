package panel

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"illumi/agent/internal/flow"
)

const (
	// frame is how often a terminal is drawn: twice as often as the fastest
	// pattern needs.
	frame = 75 * time.Millisecond
	// tap is how long a key holds its button: terminals tell no release.
	tap = 120 * time.Millisecond
)

// Terminal is a box in a terminal: 1, 2, 3 or space press a button, q quits.
// Where it is no terminal (a pipe, a log) it writes a line for each change,
// and takes the same keys.
type Terminal struct {
	in   inputs
	name string
	out  io.Writer
	keys *os.File
	quit chan struct{}
	once sync.Once
	back func() error // how the terminal was before; nil where it is none
	wide func() int   // columns of the terminal
	wait sync.WaitGroup

	mu     sync.Mutex
	view   View
	lamps  flow.Lamps
	since  time.Time // of the pattern
	voice  float64
	smooth Smoother
	red    bool
	rows   int // drawn last
	err    error
	closed bool
}

// NewTerminal takes over in and out until Close. Both are opened anew where
// that is possible, so that a read can be ended; in may be nil.
func NewTerminal(in, out *os.File, name string) (*Terminal, error) {
	t := &Terminal{in: newInputs(), name: name, out: out, quit: make(chan struct{}), since: time.Now()}
	t.lamps.Main = flow.LightOff
	if in != nil {
		// A descriptor of our own can wait without blocking; in itself is
		// shared with the shell and must stay as it is. Where it cannot be
		// opened (a socket), there are no keys.
		keys, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", in.Fd()), os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			t.keys = keys
		}
	}
	if t.keys != nil && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("take over the terminal: %w", err), t.keys.Close())
		}
		fd := int(in.Fd())
		t.back = func() error { return term.Restore(fd, before) }
		t.wide = func() int {
			w, _, err := term.GetSize(int(out.Fd()))
			if err != nil || w < 20 {
				return 80 // as wide as terminals have always been
			}
			return w
		}
	}
	pressed := make(chan flow.Button)
	if t.keys != nil {
		t.wait.Go(func() { t.read(pressed) })
	}
	t.wait.Go(func() { t.run(pressed) })
	return t, nil
}

// Inputs gives the keys as presses; each is let go by itself.
func (t *Terminal) Inputs() <-chan Input { return t.in.c }

// Quit is closed when q or Ctrl-C was typed.
func (t *Terminal) Quit() <-chan struct{} { return t.quit }

// Show sets the lights.
func (t *Terminal) Show(l flow.Lamps, voice float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.Main != t.lamps.Main {
		t.since = time.Now()
	}
	if l.Main != t.lamps.Main || l.Dim != t.lamps.Dim {
		t.line("light      %s%s", l.Main, map[bool]string{true: ", dimmed"}[l.Dim])
	}
	t.lamps, t.voice = l, voice
}

// Recording sets the red light.
func (t *Terminal) Recording(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if on != t.red {
		t.line("red light  %s", map[bool]string{true: "on", false: "off"}[on])
	}
	t.red = on
	if t.back != nil && !t.closed {
		t.draw(time.Now()) // now, not with the next frame: the device opens after it
	}
}

// Update sets the state, the sentence and the picture.
func (t *Terminal) Update(v View) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v.State != t.view.State {
		t.line("state      %s", Words(v.State))
	}
	if c := Connection(v); c != Connection(t.view) {
		t.line("server     %s", c)
	}
	if v.Prompt != t.view.Prompt && v.Prompt != "" {
		t.line("says       %s", v.Prompt)
	}
	if v.Picture != t.view.Picture && v.Picture != "" {
		t.line("shows      %s", v.Picture)
	}
	t.view = v
}

// line writes one change where there is no terminal to draw on.
func (t *Terminal) line(format string, args ...any) {
	if t.back == nil && !t.closed {
		t.write(fmt.Sprintf("%s: %s\n", t.name, fmt.Sprintf(format, args...)))
	}
}

// write keeps the first error for Close: a light cannot report one.
func (t *Terminal) write(s string) {
	if _, err := io.WriteString(t.out, s); err != nil && t.err == nil {
		t.err = fmt.Errorf("draw: %w", err)
	}
}

// read turns keys into presses until the file ends or is closed.
func (t *Terminal) read(pressed chan<- flow.Button) {
	var b [64]byte
	for {
		n, err := t.keys.Read(b[:])
		for _, k := range b[:n] {
			button := flow.Main
			switch k {
			case ' ', '1':
			case '2':
				button = flow.Second
			case '3':
				button = flow.Third
			case 'q', 'Q', 3: // 3 is Ctrl-C, which a raw terminal hands over
				t.once.Do(func() { close(t.quit) })
				continue
			default:
				continue
			}
			select {
			case pressed <- button:
			case <-t.in.done:
				return
			}
		}
		if err != nil {
			return // the end of the keys is not the end of the box
		}
	}
}

// run presses, lets go, and draws.
func (t *Terminal) run(pressed <-chan flow.Button) {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	held := map[flow.Button]time.Time{}
	// Where nothing is drawn, nothing wakes up while no button is down.
	rest := func() {
		if t.back == nil && len(held) == 0 {
			tick.Stop()
		}
	}
	rest()
	for {
		select {
		case <-t.in.done:
			return
		case b := <-pressed:
			if _, down := held[b]; !down && t.in.put(Input{Button: b, Down: true, At: time.Now()}) {
				held[b] = time.Now()
				tick.Reset(frame)
			}
		case now := <-tick.C:
			for b, since := range held {
				if now.Sub(since) >= tap && t.in.put(Input{Button: b, At: now}) {
					delete(held, b)
				}
			}
			rest()
			t.mu.Lock()
			if t.back != nil && !t.closed {
				t.draw(now)
			}
			t.mu.Unlock()
		}
	}
}

// draw writes the box over what was drawn before.
func (t *Terminal) draw(now time.Time) {
	l := Level(t.lamps.Main, t.lamps.Dim, now.Sub(t.since), t.smooth.Next(t.voice, now))
	g := opacity(l)
	colour := [3]float64{255, 220, 160}
	if Amber(t.lamps.Main) {
		colour = [3]float64{255, 150, 30}
	}
	shade := func(c float64) int { return int(math.Round(40 + (c-40)*g)) }
	red := "\x1b[90m○ not recording\x1b[0m"
	if t.red {
		red = "\x1b[1;91m● RECORDING\x1b[0m"
	}
	width := t.wide()
	says := ""
	if t.view.Prompt != "" {
		says = short("It says: “"+t.view.Prompt, width-5) + "”"
	}
	about := Connection(t.view)
	if t.lamps.Dim {
		about += "   " + night
	}
	rows := []string{
		fmt.Sprintf("\x1b[38;2;%d;%d;%dm⬤\x1b[0m  \x1b[1m%s\x1b[0m  %s", shade(colour[0]), shade(colour[1]), shade(colour[2]),
			short(t.name, width-24), red),
		"   " + short(strings.ReplaceAll(Words(t.view.State), "the button", "space"), width-4),
		"   " + says,
		"   \x1b[90m" + short(about, width-4) + "\x1b[0m",
		"   \x1b[90mspace: press   q: quit\x1b[0m",
	}
	var s strings.Builder
	if t.rows > 0 {
		fmt.Fprintf(&s, "\x1b[%dA", t.rows)
	} else {
		s.WriteString("\x1b[?25l")
	}
	for _, row := range rows {
		s.WriteString("\r\x1b[2K" + row + "\r\n")
	}
	t.rows = len(rows)
	t.write(s.String())
}

// short cuts a text to a number of characters, and keeps it from steering the
// terminal.
func short(s string, most int) string {
	var out []rune
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			continue
		}
		if len(out) >= max(most, 8) {
			out[len(out)-1] = '…'
			break
		}
		out = append(out, r)
	}
	return string(out)
}

// Close gives the terminal back as it was and waits for what runs.
func (t *Terminal) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	close(t.in.done)
	t.mu.Unlock()
	var errs []error
	if t.keys != nil {
		errs = append(errs, t.keys.Close()) // ends a read that waits
	}
	t.wait.Wait()
	close(t.in.c)
	if t.back != nil {
		t.write("\x1b[?25h")
		errs = append(errs, t.back())
	}
	return errors.Join(append(errs, t.err)...)
}
