package daemon

import (
	"reflect"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/panel"
)

// now is the interaction's clock: monotonic, and as fast as the pace.
func (d *Daemon) now() time.Duration { return d.at(time.Now()) }

func (d *Daemon) at(t time.Time) time.Duration {
	return time.Duration(float64(t.Sub(d.started)) * d.speed())
}

func (d *Daemon) speed() float64 {
	if d.o.Pace.Speed > 0 {
		return d.o.Pace.Speed
	}
	return 1
}

// step lets something happen. From within a step it joins the queue, so that
// every event sees all effects of the one before begun.
func (d *Daemon) step(e flow.Event) {
	if e.At == 0 {
		e.At = d.now()
	}
	if d.heldBack(e) {
		return
	}
	d.queue = append(d.queue, e)
	if d.stepping {
		return
	}
	d.stepping = true
	for len(d.queue) > 0 {
		e := d.queue[0]
		d.queue = d.queue[1:]
		d.stepOnce(e)
	}
	d.stepping = false
}

func (d *Daemon) stepOnce(e flow.Event) {
	e.At = max(e.At, d.last)
	d.last = e.At
	before := d.state
	s, effects := flow.Step(before, e)
	d.state = s
	if e.Kind == flow.KindMSG {
		d.told[e.Turn.Hop] = max(d.told[e.Turn.Hop], e.Turn.Epoch)
	}
	// A press must be seen within 100 ms (people.md P6), a sync may take longer.
	// No light says "saved" or "sent" before that is true: the machine enters
	// those phases only on the answers of outbox and server.
	d.show()
	d.save()
	d.log.Debug("event", "event", string(e.Kind), "phase", string(s.Phase), "from", string(before.Phase),
		"button", int(e.Button), "timer", string(e.Timer), "at", e.At.Round(time.Millisecond))
	if before.Phase == flow.RecReady && s.Phase == flow.Recording {
		d.toneEnded()
	}
	for _, f := range effects {
		d.carryOut(f)
	}
	if before.Phase != s.Phase {
		d.hurryStatus()
		if s.Phase == flow.Idle {
			d.rested()
		}
	}
	d.practised(before, s)
	d.writeStatus(true)
	if d.o.stepped != nil {
		d.o.stepped(e, s)
	}
}

// show sets all lights, and the screen's words.
func (d *Daemon) show() {
	voice := 0.0
	if d.state.Phase == flow.Recording {
		voice = d.loudness
	}
	d.o.Panel.Show(flow.Show(d.state), voice)
	v := d.view
	if state := string(d.state.Phase); v.State != state {
		v.State = state
		switch d.state.Phase {
		case flow.Idle, flow.New, flow.NewQuiet, flow.Heard, flow.Draft:
			v.Prompt = "" // what was said last belongs to what is over
		}
	}
	v.Refusal = d.refusal.Text
	v.Online = d.state.Online
	v.Waiting = len(d.state.Unsent)
	d.update(v)
}

func (d *Daemon) update(v panel.View) {
	if v == d.view {
		return
	}
	d.view = v
	if screen, ok := d.o.Panel.(interface{ Update(panel.View) }); ok {
		screen.Update(v)
	}
}

// essence is the part of the state that a power cut must not take: which
// whispers are in hand and queued, what the citizen has done with them (plays,
// take numbers, which take was to be replaced and so is never sent unasked,
// where its tone ends, what became of the photo), which reply was sealed, what
// is still to be said, and whether the box is paused or the study over.
// Everything else (lights, voices, timers, keys, network) is found anew.
func essence(s flow.State) flow.State {
	e := flow.State{
		Turn: s.Turn, Queue: s.Queue, Take: s.Take, Old: s.Old, Rec: s.Rec, Reply: s.Reply, Unsent: s.Unsent,
		SentLater: s.SentLater, Pausing: s.Pausing, Wiped: s.Wiped,
	}
	if s.Rec != 0 {
		e.ToneEnd = s.ToneEnd
	}
	if s.Phase == flow.Ended || s.Phase == flow.Paused {
		e.Phase = s.Phase
	}
	return e
}

const (
	keyFlow     = "flow"
	keyRunning  = "running"
	keySettings = "settings"
	keyVolume   = "volume"
	keyServer   = "server"
	keyTakeBack = "takeback"
)

// save journals the state when something changed that must survive, before the
// step's effects are begun: so a take's number is on the disk before its
// recording, a replaced take is marked before the new one, and the tone of
// arrival is noted before it sounds. Phases and timers that only pass are not
// worth a sync. It reports whether the journal is up to date.
func (d *Daemon) save() bool {
	e := essence(d.state)
	if !d.unkept && reflect.DeepEqual(e, d.kept) {
		return true
	}
	err := d.spool.Save(keyFlow, d.state)
	d.unkept = err != nil
	if err != nil {
		// The box goes on with what it has: a citizen in the middle of a
		// sentence is not sent away for it. It is tried again every minute.
		d.diskTrouble("journal", err)
		return false
	}
	d.kept = e
	return true
}

// machineWaits are the phases whose time-out bounds work of the machine, not
// the patience of people.
var machineWaits = map[flow.Phase]bool{flow.Boot: true, flow.Check: true, flow.PhotoCount: true, flow.Sending: true, flow.Recall: true}

// setTimer starts a timer. A faster pace makes people quicker, not disks and
// networks: what bounds those keeps its real time.
func (d *Daemon) setTimer(f flow.Effect) {
	after := d.o.Pace.Real(f.After)
	switch f.Timer {
	case flow.TimerVoice, flow.TimerDevice:
		after = f.After
	case flow.TimerPhase:
		if machineWaits[d.state.Phase] {
			after = f.After
		}
	}
	d.timers[f.Timer] = timer{seq: f.Seq, due: time.Now().Add(after)}
}

// untilDue is how long nothing is due.
func (d *Daemon) untilDue() time.Duration {
	next := time.Now().Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, t := range d.timers {
		sooner(t.due)
	}
	if !d.downAt.IsZero() {
		sooner(d.downAt.Add(d.o.Grace))
	}
	sooner(d.statusAt)
	sooner(d.dog.next)
	wait := time.Until(next)
	if !d.quietAt.IsZero() {
		wait = min(wait, d.quietAt.Sub(d.o.Now()))
	}
	return max(0, wait)
}

// due does what the time has come for, the oldest first.
func (d *Daemon) due(now time.Time) {
	for {
		var name flow.TimerName
		for n, t := range d.timers {
			if !t.due.After(now) && (name == "" || t.due.Before(d.timers[name].due)) {
				name = n
			}
		}
		if name == "" {
			break
		}
		t := d.timers[name]
		delete(d.timers, name)
		d.step(flow.Event{Kind: flow.KindTimer, Timer: name, Seq: t.seq})
	}
	if !d.downAt.IsZero() && now.Sub(d.downAt) >= d.o.Grace {
		d.downAt = time.Time{}
		d.step(flow.Event{Kind: flow.KindNetDown})
	}
	if !d.statusAt.IsZero() && !now.Before(d.statusAt) {
		d.sendStatus()
	}
	if !d.quietAt.IsZero() && !d.o.Now().Before(d.quietAt) {
		d.lookAtClock()
	}
	if d.dog.due(now) {
		d.prove()
	}
}

// input is a press or a release, at the time at which it was made.
func (d *Daemon) input(in panel.Input) {
	if in.Down {
		d.pressedAt = d.wall()
	}
	if d.lentInput(in) {
		return
	}
	kind := flow.KindRelease
	if in.Down {
		kind = flow.KindPress
	}
	d.step(flow.Event{Kind: kind, Button: in.Button, At: min(d.at(in.At), d.now())})
}
