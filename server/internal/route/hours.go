package route

import (
	"time"
	_ "time/tzdata" // a server's image may have no time zones of its own

	"illumi/server/internal/model"
)

// Clock is when the people of a place are awake, in minutes after midnight of
// their own time. Bed before Wake lies after midnight; where both are the same,
// somebody is always awake.
type Clock struct {
	Loc       *time.Location
	Wake, Bed int
}

// A reminder may come in the hours in which a telephone may ring (people.md 3.1).
const (
	remindFrom = 10 * 60
	remindTill = 19 * 60
	dayMinutes = 24 * 60
)

// ClockOf reads hours as people set them. An empty field is as in the default.
func ClockOf(h model.Hours) (Clock, error) {
	d := model.DefaultHours()
	if h.Zone == "" {
		h.Zone = d.Zone
	}
	if h.Wake == "" {
		h.Wake = d.Wake
	}
	if h.Bed == "" {
		h.Bed = d.Bed
	}
	// "Local" would mean the server's place, which is nobody's home.
	loc, err := time.LoadLocation(h.Zone)
	if err != nil || h.Zone == "Local" {
		return Clock{}, model.RefuseField("zone", "This time zone is unknown.", "Write it like Europe/Berlin.")
	}
	c := Clock{Loc: loc}
	if c.Wake, err = minutes("wake", h.Wake); err != nil {
		return Clock{}, err
	}
	if c.Bed, err = minutes("bed", h.Bed); err != nil {
		return Clock{}, err
	}
	return c, nil
}

func minutes(field, s string) (int, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, model.RefuseField(field, "This is not a time of day.", "Write it like 08:00.")
	}
	return t.Hour()*60 + t.Minute(), nil
}

// After is the first moment at which d of waking time has passed since start.
func After(start time.Time, d time.Duration, c Clock) time.Time {
	if d <= 0 {
		return start
	}
	if c.always() {
		return start.Add(d)
	}
	at := start
	for day := -1; ; day++ {
		from, till := c.day(start, day)
		if from.Before(at) {
			from = at
		}
		awake := till.Sub(from)
		if awake <= 0 {
			continue
		}
		if d <= awake {
			return from.Add(d).In(start.Location())
		}
		d -= awake
		at = till
	}
}

// Awake is how much waking time lies between two moments; none if to is not after from.
func Awake(from, to time.Time, c Clock) time.Duration {
	if !to.After(from) {
		return 0
	}
	if c.always() {
		return to.Sub(from)
	}
	var sum time.Duration
	at := from
	for day := -1; at.Before(to); day++ {
		wake, bed := c.day(from, day)
		if wake.After(to) {
			break
		}
		if wake.Before(at) {
			wake = at
		}
		if bed.After(to) {
			bed = to
		}
		if bed.After(wake) {
			sum += bed.Sub(wake)
			at = bed
		}
	}
	return sum
}

// Daytime is t, or the next ten o'clock where t is no time to remind anybody.
func Daytime(t time.Time, c Clock) time.Time {
	local := t.In(c.location())
	now := local.Hour()*60 + local.Minute()
	if now >= remindFrom && now < remindTill {
		return t
	}
	day := 0
	if now >= remindTill {
		day = 1
	}
	return c.at(local, day, remindFrom).In(t.Location())
}

func (c Clock) always() bool { return c.Wake == c.Bed }

func (c Clock) location() *time.Location {
	if c.Loc == nil {
		return time.UTC
	}
	return c.Loc
}

// day is the waking time that begins some days after the date of t.
func (c Clock) day(t time.Time, days int) (wake, bed time.Time) {
	local := t.In(c.location())
	wake = c.at(local, days, c.Wake)
	if c.Bed > c.Wake {
		return wake, c.at(local, days, c.Bed)
	}
	return wake, c.at(local, days, c.Bed+dayMinutes)
}

// at asks the calendar and never adds hours: a day can have 23, 25 or 23½.
func (c Clock) at(local time.Time, days, minute int) time.Time {
	y, m, d := local.Date()
	return time.Date(y, m, d+days+minute/dayMinutes, minute%dayMinutes/60, minute%60, 0, 0, c.location())
}
