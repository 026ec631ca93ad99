package daemon

import (
	"errors"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// running is in the journal while the program runs.
type running struct {
	BootID string `json:"boot_id"`
}

// boot brings the machine to where the disk and the journal say it was.
func (d *Daemon) boot() error {
	f, err := d.facts()
	if err != nil {
		return err
	}
	s, effects, err := flow.Start(d.config())
	if err != nil {
		return err
	}
	if err := d.spool.Save(keyRunning, running{d.o.BootID}); err != nil {
		d.onDisk("mark the start", err) // E_DISK: a full box still plays and sends
		f.DiskLow = f.DiskLow || d.noRoom
	}
	d.state = s
	if d.o.StatusFile != "" {
		// Since when the server refuses this box outlives a restart; a file that
		// cannot be read is as good as none, the next request tells.
		if r, err := ReadReport(d.o.StatusFile); err == nil {
			d.refusal = r.Refusal
		}
	}
	for _, e := range effects {
		d.carryOut(e)
	}
	d.unkept = true // whatever the journal held, it is written anew
	d.step(flow.Event{Kind: flow.KindBoot, Boot: f})
	d.unwellFor(protocol.ReportClock, f.ClockUnknown, "")
	_, d.quietAt = d.quiet()
	d.tidy()
	d.hourAt = time.Now().Add(time.Hour)
	d.delivered(f.Turns)
	if d.back != nil {
		d.askBack(d.back)
	}
	return nil
}

// cleanEnd marks that the program ended by itself.
func (d *Daemon) cleanEnd() error { return d.spool.Delete(keyRunning) }

// load reads a key of the journal. A damaged one is set aside by the spool, and
// the box goes on without: the rest of the disk says enough for a safe start.
func (d *Daemon) load(key string, v any) (bool, error) {
	found, err := d.spool.Load(key, v)
	if errors.Is(err, spool.ErrDamaged) {
		d.log.Error("the journal is damaged and begun anew", "key", key, "error", err)
		return false, nil
	}
	return found, err
}

// facts gathers what the disk knows. What is over is cleared away on the way.
func (d *Daemon) facts() (*flow.Facts, error) {
	var settings protocol.Settings
	found, err := d.load(keySettings, &settings)
	if err != nil {
		return nil, err
	}
	if !found {
		settings = d.o.Settings
	}
	if _, err := d.load(keyVolume, &d.loud); err != nil {
		return nil, err
	}
	d.adopt(settings, false)
	if _, err := d.load(keyServer, &d.server); err != nil {
		return nil, err
	}
	d.raiseFloor(built())
	d.raiseFloor(d.server.At)
	if d.server.ServerID != "" {
		d.id.Store(d.server.ServerID)
	}
	f := &flow.Facts{Camera: d.o.Camera != nil, NoSpeaker: d.o.Speaker == nil, ClockUnknown: !d.clockKnown()}
	if f.Unclean, err = d.load(keyRunning, &running{}); err != nil {
		return nil, err
	}
	if err := d.countStart(f.Unclean); err != nil {
		return nil, err
	}
	var saved flow.State
	if found, err = d.load(keyFlow, &saved); err != nil {
		return nil, err
	}
	if found {
		f.Saved = &saved
	}
	if _, err := d.load(keyEnd, &d.endBy); err != nil {
		return nil, err
	}
	var back takeBack
	if found, err = d.load(keyTakeBack, &back); err != nil {
		return nil, err
	}
	if found {
		d.setBack(&back)
	}
	d.sealedOnce = saved.Unsent
	items, err := d.outbox()
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if !it.Quiet {
			f.Unsent = append(f.Unsent, flow.Unsent{Reply: it.ID, Hop: it.Hop, Epoch: it.Epoch})
		}
	}
	if f.Turns, err = d.turns(); err != nil {
		return nil, err
	}
	if f.Takes, err = d.takes(); err != nil {
		return nil, err
	}
	if f.DiskLow, err = d.low(); err != nil {
		return nil, err
	}
	f.Quiet, _ = d.quiet()
	return f, nil
}

// turns lists the whispers that wait for an answer. One that the server has
// closed meanwhile, or has this box's receipt for, is erased: nobody was in the
// middle of it, the box was off. Should the server have lost the answer, it
// shows the offer again with its next welcome.
func (d *Daemon) turns() ([]flow.Turn, error) {
	inbox, err := d.spool.Inbox()
	if err != nil {
		return nil, err
	}
	var list []flow.Turn
	for _, e := range inbox {
		o := e.Offer
		if d.back != nil && d.back.Hop == o.Hop {
			continue // whose turn it is will be known when the server has answered
		}
		done, err := d.answered(o.Hop, o.Epoch)
		if err != nil {
			return nil, err
		}
		if done || o.State != protocol.OfferOpen {
			if err := errors.Join(d.spool.EraseTakes(o.Hop), d.spool.Forget(o.Hop)); err != nil {
				return nil, err
			}
			continue
		}
		if d.isAside(o.Hop, o.Epoch) {
			continue // answered, and nobody waits for it
		}
		if !e.Ready {
			continue // the puller goes on with it
		}
		if err := playable(e); err != nil {
			d.log.Error("a whisper cannot be played", "hop", o.Hop, "error", err)
			continue
		}
		marks, err := d.spool.Marks(o.Hop)
		if err != nil {
			return nil, err
		}
		t := d.turn(e)
		if marks.Epoch == o.Epoch {
			t.Plays = marks.Plays
		}
		d.told[o.Hop] = o.Epoch
		list = append(list, t)
	}
	return list, nil
}

// delivered notes what was complete on the disk before anybody could say so.
func (d *Daemon) delivered(turns []flow.Turn) {
	for _, t := range turns {
		d.note(protocol.TypeDelivered, protocol.Progress{Hop: t.Hop, Epoch: t.Epoch, At: d.wall()})
	}
}
