package daemon

import (
	"errors"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// notReported are codes that the server knows better than the box, that it
// cannot be told while they are so, or that watchHealth tells.
var notReported = map[flow.Code]bool{flow.CodeOffline: true, flow.CodeAuth: true, flow.CodeClock: true}

// tell lets the team know what befell the box. It waits on the disk until the
// server has it; only then the interaction hears Reported, and may say so.
func (d *Daemon) tell(f flow.Effect) {
	if f.Code != flow.CodeAuth && f.Code != flow.CodeClock { // logged with the server's own words; in its time
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
	d.unwellFor(protocol.ReportClock, !d.clockKnown(), "")
	if d.o.Gone != nil {
		part := d.o.Gone()
		d.unwellFor(protocol.ReportScreen, part != "", part)
	}
	h := d.health()
	d.unwellNow(protocol.ReportCard, d.readOnly || h != nil && (h.CardErrors > 0 || h.CardWorn == protocol.Yes), "")
	if h == nil {
		return
	}
	d.unwellNow(protocol.ReportVoltage, h.Undervoltage == protocol.Yes, "")
	d.unwellNow(protocol.ReportHeat, h.Throttled == protocol.Yes || h.Temperature != nil && *h.Temperature >= tooHot, "")
}

// passing is for how long something may be so that as a rule passes by itself:
// a clock that is not set yet, a screen that is plugged in elsewhere.
const passing = 2 * time.Minute

// unwellFor reports what has been bad for longer than passing.
func (d *Daemon) unwellFor(code protocol.ReportCode, bad bool, detail string) {
	since, known := d.badSince[code]
	switch {
	case !bad:
		delete(d.badSince, code)
	case !known:
		since = time.Now()
		d.badSince[code] = since
	}
	d.unwellNow(code, bad && time.Since(since) >= passing, detail)
}

// unwellNow reports a change.
func (d *Daemon) unwellNow(code protocol.ReportCode, bad bool, detail string) {
	was := slices.Contains(d.unwell, code)
	switch {
	case bad && !was:
		d.unwell = append(d.unwell, code)
	case !bad && was:
		d.unwell = slices.DeleteFunc(d.unwell, func(o protocol.ReportCode) bool { return o == code })
	default:
		return
	}
	d.log.Warn("report", "code", string(code), "over", !bad, "detail", detail)
	d.report1(protocol.Report{Code: code, At: d.wall(), Over: !bad, Detail: detail}, 0)
	d.hurryStatus()
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
