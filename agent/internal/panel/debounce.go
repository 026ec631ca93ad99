package panel

import "time"

// Stable is how long a switch must keep its level to be believed (people.md
// P5: T_DEBOUNCE).
const Stable = 30 * time.Millisecond

// Debounce turns the raw levels of one switch into presses and releases: a
// level counts once it has lasted Stable. The zero value is a released switch.
// It knows no clock; whoever feeds it must call Settle when Due has passed.
type Debounce struct {
	down    bool      // as believed
	level   bool      // as last seen
	since   time.Time // of level
	pending bool      // level differs from down and has not yet lasted
}

// Level takes a reading of the switch, whether changed or not. Where the level
// before it had lasted, although nobody called Settle in time, that change is
// given, with the time at which it was sure.
func (d *Debounce) Level(down bool, at time.Time) (change Input, ok bool) {
	change, ok = d.Settle(at)
	if down == d.level {
		return change, ok
	}
	d.level, d.since = down, at
	d.pending = down != d.down
	return change, ok
}

// Settle gives the change that has lasted long enough by now, if there is one.
func (d *Debounce) Settle(now time.Time) (change Input, ok bool) {
	if !d.pending || now.Before(d.since.Add(Stable)) {
		return Input{}, false
	}
	d.pending, d.down = false, d.level
	return Input{Down: d.down, At: d.since.Add(Stable)}, true
}

// Due is when to call Settle next; ok is false while nothing is pending.
func (d *Debounce) Due() (at time.Time, ok bool) {
	return d.since.Add(Stable), d.pending
}
