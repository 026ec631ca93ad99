package panel

import (
	"time"

	"illumi/agent/internal/flow"
)

// coverSwitch stands where a button would: the contact is the lens cover's, and
// gives no presses.
const coverSwitch flow.Button = 0

// A switch is worn when its presses chatter this often (hardware.md 11, row 1).
const (
	wornBounces = 20
	wornPresses = 5 // fewer say nothing yet
)

// Contact is how one switch stands, for doctor and health.
type Contact struct {
	// Button it belongs to; 0 is the lens cover.
	Button flow.Button
	// Source is where it is connected, in words: "GPIO 5", "KEY_SPACE".
	Source string
	// Down is pressed (or, of the cover, shut), as believed after debouncing.
	Down bool
	// Since is when Down last changed, or when the switch was first seen.
	Since time.Time
	// Ready is false until the switch was first seen released: one that is held
	// at the start gives no press.
	Ready bool
	// Presses counts since the start; Bounces is how often a press chatters, on
	// the average of about the last ten.
	Presses int
	Bounces float64
}

// Stuck says that a button has been down for half a minute: it is held, it is
// caught, or it is a normally-closed one without "invert".
func (c Contact) Stuck(now time.Time) bool {
	return c.Button != coverSwitch && c.Down && now.Sub(c.Since) > 30*time.Second
}

// Worn says that the switch should be replaced soon.
func (c Contact) Worn() bool { return c.Presses >= wornPresses && c.Bounces > wornBounces }

// contact is one switch of a bank.
type contact struct {
	Contact
	d     Debounce
	raw   bool // as last seen
	given bool // what the daemon was told
	edges int  // since the last believed change
	last  time.Time
}

// apart is how far two edges must be from each other to be no chatter of the
// same press.
const apart = 100 * time.Millisecond

// bank debounces the switches of a panel. It knows no clock and no hardware:
// whoever reads them feeds it and calls settle when due has passed. It is not
// safe for use by several goroutines at once.
type bank struct {
	contacts []*contact
	put      func(Input) bool
}

func newBank(put func(Input) bool) *bank { return &bank{put: put} }

// add makes a switch known and gives its index.
func (b *bank) add(button flow.Button, source string, now time.Time) int {
	b.contacts = append(b.contacts, &contact{Contact: Contact{Button: button, Source: source, Since: now}})
	return len(b.contacts) - 1
}

// begin takes the first reading of all switches, after they were connected or
// connected again. What is down now was not pressed now.
func (b *bank) begin(down []bool, now time.Time) {
	for i, c := range b.contacts {
		c.d, c.raw, c.edges = Debounce{}, down[i], 0
		c.Ready = !down[i]
		if c.Down != down[i] {
			c.Down, c.Since = down[i], now
		}
		if down[i] { // believed at once, so that a release is one
			c.d.Level(true, now.Add(-Stable))
			c.d.Settle(now)
		}
	}
	b.tell(now)
}

// edge takes a change that was reported. A level that bounced back before it
// could be read is seen here alone.
func (b *bank) edge(i int, down bool, now time.Time) {
	c := b.contacts[i]
	if now.Sub(c.last) > apart {
		c.edges = 0
	}
	c.edges++
	c.last = now
	c.level(down, now)
}

// levels takes readings of all switches.
func (b *bank) levels(down []bool, now time.Time) {
	for i, c := range b.contacts {
		c.level(down[i], now)
	}
}

func (c *contact) level(down bool, now time.Time) {
	c.raw = down
	if in, ok := c.d.Level(down, now); ok {
		c.believe(in)
	}
}

// settle believes what has lasted, and tells the daemon.
func (b *bank) settle(now time.Time) {
	for _, c := range b.contacts {
		if in, ok := c.d.Settle(now); ok {
			c.believe(in)
		}
	}
	b.tell(now)
}

func (c *contact) believe(in Input) {
	c.Down, c.Since = in.Down, in.At
	if in.Down {
		const share = 0.1
		bounces := float64(max(0, c.edges-1))
		if c.Presses == 0 {
			c.Bounces = bounces
		}
		c.Bounces += share * (bounces - c.Bounces)
		c.Presses++
	} else {
		c.Ready = true
	}
	c.edges = 0
}

// tell gives the daemon what it does not know yet. A press that it does not
// take is dropped; a release is offered again, so that no button stays down.
func (b *bank) tell(now time.Time) {
	for _, c := range b.contacts {
		if c.Button == coverSwitch || c.given == c.Down || !c.Ready {
			continue
		}
		if b.put(Input{Button: c.Button, Down: c.Down, At: now}) {
			c.given = c.Down
		} else if c.Down {
			c.Ready = false // until released
		}
	}
}

// release lets every button go: the switches were lost, and nobody knows.
func (b *bank) release(now time.Time) {
	for _, c := range b.contacts {
		c.d, c.Ready = Debounce{}, true
		if c.Down {
			c.Down, c.Since = false, now
		}
	}
	b.tell(now)
}

// due is when to call settle next; ok is false while nothing is pending.
func (b *bank) due() (at time.Time, ok bool) {
	for _, c := range b.contacts {
		if t, pending := c.d.Due(); pending && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// idle says that nobody touches anything.
func (b *bank) idle() bool {
	for _, c := range b.contacts {
		if c.raw || c.Down {
			return false
		}
	}
	return true
}

// state copies how the switches stand.
func (b *bank) state() []Contact {
	all := make([]Contact, len(b.contacts))
	for i, c := range b.contacts {
		all[i] = c.Contact
	}
	return all
}
