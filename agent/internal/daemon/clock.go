package daemon

import (
	"runtime/debug"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// quiet says whether now lies in quiet hours, and when that changes next.
// Times are of the clock on the wall: where summer time skips the hour at which
// the quiet ends, it ends an hour of the clock later, and where an hour comes
// twice the first one counts.
func quiet(now time.Time, s protocol.Settings, zone *time.Location) (on bool, next time.Time) {
	from, ok1 := clock(s.QuietFrom)
	until, ok2 := clock(s.QuietUntil)
	if !ok1 || !ok2 || from == until {
		return false, time.Time{}
	}
	now = now.In(zone)
	y, m, d := now.Date()
	// The change before now decides, the first one after now is the next.
	var last time.Time
	for day := -2; day <= 2; day++ {
		for _, c := range []struct {
			at int
			on bool
		}{{from, true}, {until, false}} {
			t := time.Date(y, m, d+day, c.at/60, c.at%60, 0, 0, zone)
			switch {
			case t.After(now):
				if next.IsZero() || t.Before(next) {
					next = t
				}
			case !t.Before(last):
				last, on = t, c.on
			}
		}
	}
	return on, next
}

// quiet is the function of that name, for this box and now.
func (d *Daemon) quiet() (on bool, next time.Time) {
	s := d.settings
	if q := d.o.Quiet; q != nil {
		s.QuietFrom, s.QuietUntil = q.From, q.Until
	}
	return quiet(d.o.Now(), s, d.zone)
}

// clock reads "HH:MM", checked by protocol.Settings.Check, as minutes.
func clock(s string) (minutes int, ok bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// wall is the time to write down, in UTC. While the clock is not set it is at
// least when the server was last heard of, or the program built, and goes on
// from there: so what happened later is never dated earlier (hardware.md 11).
func (d *Daemon) wall() time.Time {
	now := d.o.Now()
	if floor := d.floor.Add(time.Since(d.started)); !d.clockKnown() && now.Before(floor) {
		now = floor
	}
	return now.UTC()
}

// raiseFloor notes a time that has certainly been.
func (d *Daemon) raiseFloor(t time.Time) {
	if at := t.Add(-time.Since(d.started)); at.After(d.floor) {
		d.floor = at
	}
}

// built is when the program was made, where it knows.
func built() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
					return t
				}
			}
		}
	}
	return time.Time{}
}

// clockKnown: the machine says so, or it agrees with the server.
func (d *Daemon) clockKnown() bool { return d.agreed || d.o.ClockKnown() }

// lookAtClock brings quiet hours up to date. Not knowing what time it is counts
// as quiet (people.md E_CLOCK); the machine sees to that.
func (d *Daemon) lookAtClock() {
	known := d.clockKnown()
	d.unwellFor(protocol.ReportClock, !known, "") // nobody waits a minute to hear that it is over
	if known == d.state.ClockUnknown {
		kind := flow.KindClockUnknown
		if known {
			kind = flow.KindClockKnown
		}
		d.step(flow.Event{Kind: kind})
	}
	on, next := d.quiet()
	d.quietAt = next
	if on != d.state.Quiet {
		kind := flow.KindQuietOff
		if on {
			kind = flow.KindQuietOn
		}
		d.step(flow.Event{Kind: kind})
	}
}

// adopt takes settings over and, where they came from the server, keeps them
// for times without it. Ones that make no sense are refused and the old stay.
func (d *Daemon) adopt(s protocol.Settings, keep bool) {
	if err := s.Check(); err != nil {
		d.log.Error("the server's settings make no sense", "error", err)
		return
	}
	zone := d.o.Zone
	if s.TimeZone != "" {
		z, err := time.LoadLocation(s.TimeZone)
		if err != nil {
			d.log.Error("the time zone is unknown", "zone", s.TimeZone, "error", err)
		} else {
			zone = z
		}
	}
	changed := s != d.wanted
	d.settings, d.wanted, d.zone = s, s, zone
	if d.loud.Step != 0 && d.loud.Version == s.Version {
		d.settings.Volume = d.loud.Step
	}
	if keep && changed {
		d.onDisk("keep the settings", d.spool.Save(keySettings, s))
	}
	c := d.config()
	if c != d.state.Config && d.state.Phase != "" {
		d.step(flow.Event{Kind: flow.KindSettings, Config: &c})
		d.lookAtClock()
	}
	if d.state.Restored {
		d.syncClips()
	}
}

// Kept are the server's settings as a box keeps them in its state directory,
// where it has some, whether it runs or not.
func Kept(dir string) (s protocol.Settings, found bool, err error) {
	found, err = spool.Peek(dir, keySettings, &s)
	return s, found, err
}

// config is what the settings mean to the interaction.
func (d *Daemon) config() flow.Config {
	c := flow.DefaultConfig()
	c.Buttons = d.buttons()
	c.SendMode = d.settings.SendMode
	c.PhotoAllowed = d.settings.PhotoAllowed
	c.Announce = d.settings.Announce
	return c
}

// minutely is all that an idle box does by itself.
func (d *Daemon) minutely() {
	d.lookAtClock()
	d.lookAtDisk()
	if d.dog.every == 0 { // else it is done more often
		d.prove()
	}
	d.watchHealth()
	d.trySpeaker()
	d.emptied()
	if d.unkept {
		d.save()
	}
	if now := time.Now(); !now.Before(d.hourAt) {
		d.hourAt = now.Add(time.Hour)
		d.tidy()
	}
	d.sendStatus()
}

// lookAtDisk tells the machine when room gets short (E_DISK) or is there again.
func (d *Daemon) lookAtDisk() {
	ro, err := d.spool.ReadOnly()
	d.onDisk("look at the file system", err)
	if d.noRoom || ro { // perhaps there is some by now
		d.noRoom, d.readOnly, d.unkept = false, false, true
		d.save()
	}
	low, err := d.low()
	if err != nil {
		d.log.Error("the disk failed", "what", "look for room", "error", err)
		return
	}
	switch {
	case low && !d.state.DiskLow:
		d.step(flow.Event{Kind: flow.KindDiskLow})
	case !low && d.state.DiskLow:
		d.step(flow.Event{Kind: flow.KindDiskOK})
	}
}

// low reports that the disk has no room for a recording, by what it says or by
// what it did.
func (d *Daemon) low() (bool, error) {
	low, err := d.spool.Low()
	return low || d.noRoom, err
}

// takeLife is after how long a take that nobody knows any more is erased: a
// day, as promised (people.md 2.5), and an hour so as never to be quicker than
// the machine's own timer for the take in hand.
const takeLife = 25 * time.Hour

// age is for how long a take has certainly been there: by the wall clock where
// that was right when the take was made and is right now, else since this run
// knows of it. So it is never too long, and a clock that jumps from 1970 to
// today erases nothing.
func (d *Daemon) age(t spool.Take) time.Duration {
	id := takeID{t.Hop, t.Take}
	if _, known := d.seen[id]; !known {
		d.seen[id] = time.Now()
	}
	age := time.Since(d.seen[id])
	if !t.Made.IsZero() && d.clockKnown() {
		age = max(age, d.o.Now().Sub(t.Made))
	}
	return age
}

// tidy erases what has had its time.
func (d *Daemon) tidy() {
	if d.clockKnown() {
		d.onDisk("expire", d.spool.Expire(d.o.Now()))
	}
	takes, err := d.spool.Takes()
	d.onDisk("list takes", err)
	seen := map[takeID]time.Time{}
	for _, t := range takes {
		age := d.age(t)
		id := takeID{t.Hop, t.Take}
		seen[id] = d.seen[id]
		if t.Hop != d.state.Turn.Hop && age > takeLife {
			d.onDisk("expire a take", d.spool.EraseTake(t.Hop, t.Take))
		}
	}
	aside, err := d.spool.DamagedTakes()
	d.onDisk("list damaged takes", err)
	for _, t := range aside {
		id := takeID{t.ID, t.Take}
		age := d.age(spool.Take{Hop: t.ID, Take: t.Take, Made: t.Made})
		seen[id] = d.seen[id]
		if age > takeLife {
			d.onDisk("expire a damaged take", d.spool.EraseDamagedTake(t.ID))
		}
	}
	d.seen = seen
}
