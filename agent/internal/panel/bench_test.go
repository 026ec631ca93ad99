package panel

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

// bench is a board on the bench: lines with levels, a kernel that queues
// edges, and parts that can be made to fail.
type bench struct {
	mu    sync.Mutex
	gone  bool
	busy  map[int]bool // pins that somebody else has
	finds int
	waits int
	high  map[int]bool // levels of inputs; what is missing is high (pulled up)
	out   map[int]bool // outputs as they are
	log   []string     // changes of outputs
	sets  []*benchSet
}

func newBench() *bench {
	return &bench{busy: map[int]bool{}, high: map[int]bool{}, out: map[int]bool{}}
}

func (b *bench) find() (board, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finds++
	if b.gone {
		return nil, ErrNoHeader
	}
	return b, nil
}

func (b *bench) label() string { return "pinctrl-bench" }

func (b *bench) watch(all []gpioSwitch) (watched, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &benchSet{b: b, events: make(chan benchEdge, 16), stop: make(chan struct{}, 1), lost: make(chan struct{})}
	for _, w := range all {
		if b.busy[w.pin] {
			return nil, pinError(w.pin, syscall.EBUSY)
		}
		if _, known := b.high[w.pin]; !known {
			b.high[w.pin] = w.Pull != "down"
		}
		s.pins = append(s.pins, w.pin)
	}
	b.sets = append(b.sets, s)
	return s, nil
}

func (b *bench) output(pin int, invert bool) (output, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[pin] {
		return nil, pinError(pin, syscall.EBUSY)
	}
	b.out[pin] = invert
	return &benchLamp{b, pin, invert}, nil
}

// level changes an input's level; quiet keeps the kernel from telling.
func (b *bench) level(pin int, high, quiet bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.high[pin] == high {
		return
	}
	b.high[pin] = high
	for _, s := range b.sets {
		for i, p := range s.pins {
			if p != pin || quiet || s.closed {
				continue
			}
			select {
			case s.events <- benchEdge{i, high}:
			default: // the queue is full, and nobody is told
			}
		}
	}
}

// lose takes the chip away; back brings it again.
func (b *bench) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	for _, s := range b.sets {
		if !s.closed {
			close(s.lost)
		}
	}
}

func (b *bench) back() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = false
}

func (b *bench) shines(pin int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out[pin]
}

// counts gives how often somebody waited and how many lamps changed.
func (b *bench) counts() (waits, changes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waits, len(b.log)
}

// found is how often somebody looked for the chip.
func (b *bench) found() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.finds
}

type benchEdge struct {
	i    int
	high bool
}

type benchSet struct {
	b      *bench
	pins   []int
	events chan benchEdge
	stop   chan struct{}
	lost   chan struct{}
	closed bool
}

func (s *benchSet) wait(d time.Duration) (i int, high, ok bool, err error) {
	if d <= 0 {
		return 0, false, false, errors.New("waits for ever")
	}
	s.b.mu.Lock()
	s.b.waits++
	s.b.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case e := <-s.events:
		return e.i, e.high, true, nil
	case <-s.lost:
		return 0, false, false, syscall.ENODEV
	case <-s.stop:
	case <-t.C:
	}
	return 0, false, false, nil
}

func (s *benchSet) levels() ([]bool, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.gone {
		return nil, syscall.ENODEV
	}
	all := make([]bool, len(s.pins))
	for i, p := range s.pins {
		all[i] = s.b.high[p]
	}
	return all, nil
}

func (s *benchSet) halt() {
	select {
	case s.stop <- struct{}{}:
	default:
	}
}

func (s *benchSet) Close() error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.closed = true
	return nil
}

type benchLamp struct {
	b      *bench
	pin    int
	invert bool
}

func (l *benchLamp) set(on bool) error {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.b.gone {
		return syscall.ENODEV
	}
	if high := on != l.invert; l.b.out[l.pin] != high {
		l.b.out[l.pin] = high
		l.b.log = append(l.b.log, fmt.Sprintf("%d=%v", l.pin, high))
	}
	return nil
}

func (l *benchLamp) Close() error { return l.set(false) }

// wired gives a wiring, by the words of a configuration.
func wired(t *testing.T, settings map[string]any) Wiring {
	t.Helper()
	w, err := WiringFrom(settings)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// openBench opens a panel on a bench.
func openBench(t *testing.T, b *bench, o GPIOOptions) *GPIO {
	t.Helper()
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	o.find = b.find
	g, err := OpenGPIO(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// heardBy collects what was pressed so far: "1v" is button 1 down, "1^" up.
func heardBy(g Panel) (all string) {
	for {
		select {
		case in := <-g.Inputs():
			all += fmt.Sprintf("%d%s ", in.Button, map[bool]string{true: "v", false: "^"}[in.Down])
		default:
			return all
		}
	}
}

// part gives the fault of a part, or nil.
func part(g *GPIO, name string) error {
	for _, f := range g.Status().Faults {
		if f.Part == name {
			return f.Err
		}
	}
	return nil
}

var full = flow.Lamps{Main: flow.LightFull}
