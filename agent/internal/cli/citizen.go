package cli

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
)

// citizen is a person at a simulated box. They see the lights, hear the
// sentences, know when they have said what they wanted, and press; of the box's
// inside they know nothing.
type citizen struct {
	pace   media.Pace
	inputs chan panel.Input
	done   chan struct{}
	once   sync.Once
	wait   sync.WaitGroup
	look   chan struct{} // something looks or sounds different

	mu   sync.Mutex
	seen sight
	said <-chan struct{}
}

// sight is what a person is aware of.
type sight struct {
	light  flow.Pattern
	red    bool
	prompt string
}

func newCitizen(pace media.Pace) *citizen {
	c := &citizen{pace: pace, inputs: make(chan panel.Input, 4), done: make(chan struct{}), look: make(chan struct{}, 1)}
	c.wait.Go(c.live)
	return c
}

// Inputs gives their presses.
func (c *citizen) Inputs() <-chan panel.Input { return c.inputs }

// Show lets them see the light.
func (c *citizen) Show(l flow.Lamps, _ float64) { c.change(func(s *sight) { s.light = l.Main }) }

// Recording lets them see the red light.
func (c *citizen) Recording(on bool) { c.change(func(s *sight) { s.red = on }) }

// Update lets them hear what is said.
func (c *citizen) Update(v panel.View) { c.change(func(s *sight) { s.prompt = v.Prompt }) }

func (c *citizen) change(do func(*sight)) {
	c.mu.Lock()
	before := c.seen
	do(&c.seen)
	changed := c.seen != before
	c.mu.Unlock()
	if !changed {
		return
	}
	select {
	case c.look <- struct{}{}:
	default:
	}
}

func (c *citizen) now() (sight, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen, c.said
}

// Close ends them.
func (c *citizen) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.wait.Wait()
		close(c.inputs)
	})
	return nil
}

// impatience is after how long a person presses again where nothing happened.
const impatience = 5 * time.Second

// live watches, and presses when it is time to.
func (c *citizen) live() {
	var last sight
	pressed := false // since the sight changed
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s, said := c.now()
		if s != last {
			last, pressed = s, false
		}
		wait, press := s.answer()
		if !s.speaking() {
			said = nil
		}
		if pressed {
			wait = impatience
		}
		if !press {
			wait = time.Hour
		}
		timer.Reset(c.pace.Real(wait + time.Duration(rand.Int64N(int64(time.Second)))))
		select {
		case <-c.done:
			return
		case <-c.look:
			continue
		case <-said:
			// They have finished, breathe, and press until it is noticed.
			if c.sleep(700*time.Millisecond) && c.still(s) {
				c.press()
				c.sleep(2 * time.Second)
			}
		case <-timer.C:
			if press && c.still(s) {
				c.press()
				pressed = true
			}
		}
	}
}

func (c *citizen) still(s sight) bool {
	now, _ := c.now()
	return now == s
}

func (c *citizen) sleep(d time.Duration) bool {
	t := time.NewTimer(c.pace.Real(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

func (c *citizen) press() {
	for _, down := range []bool{true, false} {
		select {
		case c.inputs <- panel.Input{Button: flow.Main, Down: down, At: time.Now()}:
		case <-c.done:
			return
		}
		if down && !c.sleep(120*time.Millisecond) {
			return
		}
	}
}

// speaking: the light follows a voice, or warns that time is running out.
func (s sight) speaking() bool {
	return s.red && (s.light == flow.LightVoice || s.light == flow.LightBusy)
}

// answer says whether a person would press now, and how soon.
func (s sight) answer() (after time.Duration, press bool) {
	switch {
	case s.red:
		return 0, false // being recorded or photographed; see said
	case s.light == flow.LightBreathe:
		return 1500 * time.Millisecond, true
	case s.light == flow.LightBreatheS:
		return 4 * time.Second, true
	case s.light != flow.LightFull:
		return 0, false
	}
	switch s.prompt {
	case flow.Prompts[flow.SayInvite], flow.Prompts[flow.SayEmpty1], flow.Prompts[flow.SayPhotoAsk], flow.Prompts[flow.SayReviewConfirm]:
		return toSay(s.prompt) + time.Second, true
	}
	// "Sending soon, press to do it again": they are content. Anything else is
	// not yet the question.
	return 0, false
}

// toSay is how long a sentence takes.
func toSay(text string) time.Duration {
	return time.Duration(len(strings.Fields(text)))*400*time.Millisecond + time.Duration(strings.Count(text, "."))*600*time.Millisecond
}

// mouth lets the citizen know when they have said all they have to say.
type mouth struct {
	daemon.Microphone
	citizen *citizen
}

// Open opens the microphone that the citizen speaks into.
func (m mouth) Open(ctx context.Context, to *os.File, listen media.Listener) (*media.Recording, error) {
	r, err := m.Microphone.Open(ctx, to, listen)
	if err != nil {
		return nil, err
	}
	m.citizen.mu.Lock()
	m.citizen.said = r.Said()
	m.citizen.mu.Unlock()
	return r, nil
}
