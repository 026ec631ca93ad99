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
	lit    [3]bool // which buttons offer something
	red    bool
	prompt string
	table  int // how many buttons the sentences speak of
}

// newCitizen stands before a box with so many buttons.
func newCitizen(pace media.Pace, buttons int) *citizen {
	c := &citizen{pace: pace, inputs: make(chan panel.Input, 4), done: make(chan struct{}), look: make(chan struct{}, 1), seen: sight{table: buttons}}
	c.wait.Go(c.live)
	return c
}

// Inputs gives their presses.
func (c *citizen) Inputs() <-chan panel.Input { return c.inputs }

// Show lets them see the light.
func (c *citizen) Show(l flow.Lamps, _ float64) {
	c.change(func(s *sight) { s.light, s.lit = l.Main, l.Lit })
}

// Recording lets them see the red light.
func (c *citizen) Recording(on bool) { c.change(func(s *sight) { s.red = on }) }

// Update lets them hear what is said.
func (c *citizen) Update(v panel.View) {
	c.change(func(s *sight) {
		s.prompt = v.Prompt
		if n, speaks := tableOf[v.Prompt]; speaks {
			s.table = n
		}
	})
}

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
				c.press(s.button())
				c.sleep(2 * time.Second)
			}
		case <-timer.C:
			if press && c.still(s) {
				c.press(s.button())
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

func (c *citizen) press(b flow.Button) {
	for _, down := range []bool{true, false} {
		select {
		case c.inputs <- panel.Input{Button: b, Down: down, At: time.Now()}:
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
	if _, asks := tableOf[s.prompt]; asks || s.prompt == flow.Prompts[flow.SayEmpty1] {
		return toSay(s.prompt) + time.Second, true
	}
	// "Sending soon, press to do it again": they are content. Anything else is
	// not yet the question.
	return 0, false
}

// tableOf has the questions that a person answers with a press, and how many
// buttons each speaks of: a box may be set to use fewer than it has.
var tableOf = map[string]int{
	flow.Prompts[flow.SayInvite]: 1, flow.Prompts[flow.SayPhotoAsk]: 1, flow.Prompts[flow.SayReviewConfirm]: 1,
	flow.Prompts[flow.Say2Invite]: 2, flow.Prompts[flow.Say2Photo]: 2, flow.Prompts[flow.Say2Review]: 2,
	flow.Prompts[flow.Say3Invite]: 3, flow.Prompts[flow.Say3Photo]: 3, flow.Prompts[flow.Say3Review]: 3,
}

// button is the one that goes on: the only one, GO, or of LISTEN, SPEAK and SEND
// the last that is lit. A photo is taken by SPEAK.
func (s sight) button() flow.Button {
	switch {
	case s.table < 3:
		return flow.Main
	case s.lit[2] && s.prompt != flow.Prompts[flow.Say3Photo]:
		return flow.Third
	case s.lit[1]:
		return flow.Second
	}
	return flow.Main
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
