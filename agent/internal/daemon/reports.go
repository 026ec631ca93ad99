package daemon

import (
	"errors"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// notReported are codes that the server knows better than the box, or that it
// cannot be told while they are so.
var notReported = map[flow.Code]bool{flow.CodeOffline: true, flow.CodeAuth: true}

// tell lets the team know what befell the box. It waits on the disk until the
// server has it; only then the interaction hears Reported, and may say so.
func (d *Daemon) tell(f flow.Effect) {
	if f.Code != flow.CodeAuth { // logged with the server's own words
		d.log.Warn("report", "code", string(f.Code), "hop", f.Hop)
	}
	d.hurryStatus()
	if notReported[f.Code] {
		return
	}
	r := protocol.Report{Code: protocol.ReportCode(f.Code), At: d.wall()}
	if protocol.ValidID(f.Hop) {
		r.Hop = f.Hop
	}
	if f.Code == flow.CodeWiped {
		r.Request = d.endBy
	}
	d.report1(r, f.Seq)
}

// report1 keeps one report and sends it.
func (d *Daemon) report1(r protocol.Report, seq int64) {
	m, err := d.spool.Report(r)
	if m.ID != "" {
		if seq != 0 {
			d.reported[m.ID] = seq
		}
		err = errors.Join(err, d.o.Link.Progress(m))
	}
	d.onDisk("report", err)
}

// acked is an ack, of a report perhaps.
func (d *Daemon) acked(a protocol.Ack) {
	d.onDisk("keep an ack", d.spool.Acked(a))
	seq, ok := d.reported[a.ID]
	if !ok {
		return
	}
	delete(d.reported, a.ID)
	if a.Code == "" {
		d.step(flow.Event{Kind: flow.KindReported, Seq: seq})
	}
}

// health is the machine as it is, with what only the running box knows of it.
func (d *Daemon) health() *protocol.Health {
	if d.o.Health == nil {
		return nil
	}
	h := d.o.Health()
	h.MicLevel = d.micLevel
	if !d.pressedAt.IsZero() {
		at := d.pressedAt
		h.LastPress = &at
	}
	h.Restarts = d.restarts
	return &h
}

// inForce is what the box lives by now.
func (d *Daemon) inForce() *protocol.Settings {
	s := d.settings
	s.Buttons = d.buttons()
	s.Clips = d.clipSet
	return &s
}

// buttons is how many of its buttons the box uses.
func (d *Daemon) buttons() int {
	if n := d.settings.Buttons; n > 0 {
		return min(n, d.o.Buttons)
	}
	return d.o.Buttons
}

// watchHealth reports what gets bad while it runs, and when that is over.
func (d *Daemon) watchHealth() {
	h := d.health()
	if h == nil {
		return
	}
	for _, c := range []struct {
		code protocol.ReportCode
		bad  bool
	}{
		{protocol.ReportVoltage, h.Undervoltage == protocol.Yes},
		{protocol.ReportHeat, h.Throttled == protocol.Yes || h.Temperature != nil && *h.Temperature >= tooHot},
		{protocol.ReportCard, h.CardErrors > 0 || h.CardWorn == protocol.Yes},
	} {
		was := slices.Contains(d.unwell, c.code)
		switch {
		case c.bad && !was:
			d.unwell = append(d.unwell, c.code)
		case !c.bad && was:
			d.unwell = slices.DeleteFunc(d.unwell, func(o protocol.ReportCode) bool { return o == c.code })
		default:
			continue
		}
		d.report1(protocol.Report{Code: c.code, At: d.wall(), Over: !c.bad}, 0)
	}
}

// tooHot is where a Pi slows down, in °C.
const tooHot = 80

// Starts counts how often the box began without having been stopped before.
type starts struct {
	Unclean int64     `json:"unclean"`
	At      time.Time `json:"at"`
}

// countStart notes a start after a power cut, for those who look after boxes.
func (d *Daemon) countStart(unclean bool) error {
	var s starts
	if _, err := d.load(keyStarts, &s); err != nil {
		return err
	}
	if unclean {
		s.Unclean++
		s.At = d.wall()
		d.onDisk("count a start", d.spool.Save(keyStarts, s))
	}
	d.restarts = s.Unclean
	return nil
}
