package panel

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"illumi/agent/internal/flow"
)

// emitter is a main light as the board has it.
type emitter interface {
	// set gives the brightness (0..1); a light without colours ignores amber,
	// one that is only on or off takes all above 0 as on.
	set(level float64, amber bool) error
	// smooth says that it can be dimmed.
	smooth() bool
	// words say how it is driven.
	words() string
	// Close leaves it dark.
	Close() error
}

// lights drives all lamps of a box: the main light by its pattern, the red one
// and those in the buttons. What they should show outlives the hardware; it is
// shown again when that is back.
type lights struct {
	lost func(part string, err error) // called with mu held
	wait sync.WaitGroup
	kick chan struct{}
	done chan struct{}
	isOn atomic.Bool // the red light, as wanted

	mu     sync.Mutex
	want   flow.Lamps
	since  time.Time // of the pattern
	voice  float64
	smooth Smoother
	wink   wink
	main   emitter // nil while there is none
	lamps  [3]output
	redOut output
	shown  struct {
		level float64 // -1: unknown
		amber bool
		lit   [3]bool
	}
	ended bool
}

func newLights(lost func(string, error)) *lights {
	l := &lights{lost: lost, kick: make(chan struct{}, 1), done: make(chan struct{}), since: time.Now()}
	l.want.Main = flow.LightOff
	l.wait.Go(l.run)
	return l
}

func (l *lights) red() bool { return l.isOn.Load() }

// show takes what the lights should be and sets them.
func (l *lights) show(want flow.Lamps, voice float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if want.Main != l.want.Main {
		l.since, l.wink = now, wink{}
	}
	fresh := want != l.want
	l.want, l.voice = want, voice
	l.draw(now)
	if fresh || want.Main == flow.LightVoice {
		l.poke() // the pause until the next step is another one
	}
}

func (l *lights) poke() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// recording sets the red light.
func (l *lights) recording(on bool) {
	l.isOn.Store(on)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setRed()
}

func (l *lights) setRed() {
	if l.redOut == nil {
		return
	}
	if err := l.redOut.set(l.isOn.Load()); err != nil {
		l.lost("red", err)
	}
}

// run sets the main light whenever its pattern says so. While it is steady or
// off nothing wakes up.
func (l *lights) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		rest := l.draw(time.Now())
		l.mu.Unlock()
		timer.Stop()
		if rest > 0 {
			timer.Reset(rest)
		}
		select {
		case <-l.done:
			return
		case <-l.kick:
		case <-timer.C:
		}
	}
}

// draw sets what is not yet as it should be now, and tells for how long it
// stays so; 0 is until it is called again.
func (l *lights) draw(now time.Time) (rest time.Duration) {
	if l.ended {
		return 0
	}
	if l.main != nil {
		rest = l.drawMain(now)
	}
	for i, lamp := range l.lamps {
		on := l.want.Lit[i] && !l.want.Dim
		if lamp == nil || on == l.shown.lit[i] {
			continue
		}
		if err := lamp.set(on); err != nil {
			l.lost("lamps", err)
			continue
		}
		l.shown.lit[i] = on
	}
	return rest
}

// drawMain sets the main light.
func (l *lights) drawMain(now time.Time) time.Duration {
	level, rest := l.level(now)
	amber := Amber(l.want.Main)
	if level == l.shown.level && amber == l.shown.amber {
		return rest
	}
	if err := l.main.set(level, amber); err != nil {
		l.lost("light", err)
		l.shown.level = -1
		return 0 // it is looked for again, not tried again
	}
	l.shown.level, l.shown.amber = level, amber
	return rest
}

// level is how bright the main light is now, and for how long.
func (l *lights) level(now time.Time) (level float64, rest time.Duration) {
	t := now.Sub(l.since)
	voice := l.smooth.Next(l.voice, now)
	following := l.want.Main == flow.LightVoice
	if !l.main.smooth() {
		on, rest := Stepped(l.want.Main, l.want.Dim, t)
		if following && on {
			return lit(l.wink.next(voice, now)), smoothFrame
		}
		return lit(on), rest
	}
	rest = until(l.want.Main, t)
	if following && math.Abs(voice-l.voice) < 0.005 {
		rest = 0 // until the voice changes
	}
	// A thousand steps are more than an eye sees, and fewer writes.
	return math.Round(1000*Level(l.want.Main, l.want.Dim, t, voice)) / 1000, rest
}

// put takes over lamps that were opened, and lets them be as they should.
func (l *lights) put(main emitter, red output, lamps [3]output) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.main, l.redOut, l.lamps = main, red, lamps
	l.shown.level, l.shown.lit = -1, [3]bool{} // an output begins dark
	l.setRed()
	l.draw(time.Now())
	l.poke()
}

// detach puts all lamps out and lets them go.
func (l *lights) detach() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if l.redOut != nil {
		errs = append(errs, l.redOut.Close())
	}
	if l.main != nil {
		errs = append(errs, l.main.Close())
	}
	for _, lamp := range l.lamps {
		if lamp != nil {
			errs = append(errs, lamp.Close())
		}
	}
	l.main, l.redOut, l.lamps = nil, nil, [3]output{}
	return errors.Join(errs...)
}

// close ends everything, in the dark.
func (l *lights) close() error {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	close(l.done)
	l.wait.Wait()
	return l.detach()
}
