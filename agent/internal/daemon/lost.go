package daemon

import (
	"errors"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// This file has what can become of a reply after it was saved: the server has
// it, loses it again, or refuses it; or the card loses it.

// outbox lists what waits to be sent, and notes what does so in silence.
func (d *Daemon) outbox() ([]spool.Item, error) {
	items, damaged, err := d.spool.Items()
	for _, b := range damaged {
		d.damaged(b)
	}
	if err != nil {
		return nil, err
	}
	d.aside = map[string]spool.Item{}
	for _, it := range items {
		if it.Quiet || d.state.Phase == flow.Ended { // they are sent all the same
			d.aside[it.ID] = it
		}
	}
	return items, nil
}

// isAside reports whether an offer is answered by a reply that nobody waits for.
func (d *Daemon) isAside(hop string, epoch int) bool {
	for _, it := range d.aside {
		if it.Hop == hop && it.Epoch >= epoch {
			return true
		}
	}
	return false
}

// have is asked by the puller whether an open offer is answered already. An
// answer that the server had and lost goes to it again, and its citizen, who
// was thanked, notices nothing.
func (d *Daemon) have(o protocol.Offer, asked time.Time) (bool, error) {
	if hop, ok := d.backHop.Load().(string); ok && hop == o.Hop {
		return false, nil // whose turn it is will be known when the server has answered
	}
	it, have, again, err := d.spool.SendAgain(o.Hop, o.Epoch, asked)
	if again {
		d.log.Warn("the server no longer has a reply; it is sent again", "reply", it.ID, "hop", it.Hop)
		d.post(d.ctx, d.lookAside)
	}
	return have, err
}

func (d *Daemon) lookAside() {
	_, err := d.outbox()
	d.onDisk("look into the outbox", err)
	d.hurryStatus()
	d.writeStatus(true)
}

// onAcked is told by the pusher once the receipt is on the disk.
func (d *Daemon) onAcked(it spool.Item, r protocol.Receipt) {
	d.post(d.ctx, func() {
		defer d.emptied()
		if _, aside := d.aside[it.ID]; aside || it.Quiet {
			d.ackedAside(it)
			return
		}
		d.step(flow.Event{Kind: flow.KindACK, Hop: it.Hop, Reply: it.ID, Late: r.State == protocol.ReplyLate})
	})
}

// ackedAside: a reply that nobody waited for has its receipt. Whether that was
// what the server wanted, or it asks for another answer, its list says.
func (d *Daemon) ackedAside(it spool.Item) {
	delete(d.aside, it.ID)
	if !d.holds(it.Hop) {
		d.told[it.Hop] = max(d.told[it.Hop], it.Epoch)
		d.forget(it.Hop)
	}
	d.hurryStatus()
	d.writeStatus(true)
	d.puller.WakeAll()
}

func (d *Daemon) onPushFailed(it spool.Item, err error) {
	if d.refused(err) {
		return
	}
	d.log.Warn("a reply could not be sent and waits", "reply", it.ID, "error", err)
	if p, ok := errors.AsType[*protocol.Problem](err); ok && transfer.IsRefused(err) && !it.Quiet {
		d.post(d.ctx, func() { d.refusedReply(it, p.Code) })
	}
}

// refusedReply: the server will not take a reply as it is. It is kept and tried
// every hour, and counts as unsent; no citizen is kept waiting for it.
func (d *Daemon) refusedReply(it spool.Item, code protocol.Code) {
	if _, known := d.aside[it.ID]; known {
		return
	}
	switch err := d.spool.Quieten(it.ID, string(code)); {
	case errors.Is(err, spool.ErrUnknown):
		return // taken back meanwhile
	case err != nil:
		d.onDisk("mark a refused reply", err) // it is told once more at the next start
	}
	d.aside[it.ID] = it
	d.step(flow.Event{Kind: flow.KindReplyRefused, Hop: it.Hop, Reply: it.ID})
	d.hurryStatus()
	d.writeStatus(true)
}

func (d *Daemon) onDamaged(b spool.Damaged) {
	d.post(d.ctx, func() {
		d.damaged(b)
		d.emptied()
	})
}

// damaged is a reply whose bytes are no longer what was sealed. They are kept,
// and the turn goes back to its citizen, with its whisper or once that is here
// again. At the start it is turns that gives it back.
func (d *Daemon) damaged(b spool.Damaged) {
	delete(d.aside, b.ID)
	known := slices.Concat(d.state.Unsent, d.sealedOnce)
	i := slices.IndexFunc(known, func(u flow.Unsent) bool { return u.Reply == b.ID })
	if b.Hop == "" && i >= 0 { // its manifest cannot say it any more
		b.Hop = known[i].Hop
		d.onDisk("note what is damaged", d.spool.NoteDamaged(b))
	}
	d.log.Error("a reply is damaged and was set aside", "reply", b.ID, "hop", b.Hop, "reason", b.Reason)
	if !d.state.Restored {
		return
	}
	ev := flow.Event{Kind: flow.KindReplyDamaged, Reply: b.ID, Hop: b.Hop}
	e, err := d.spool.Entry(b.Hop)
	if err == nil && e.Ready && e.Offer.State == protocol.OfferOpen && playable(e) == nil {
		t := d.turn(e)
		ev.Turn = &t
	}
	d.step(ev)
	d.puller.WakeAll()
}

// turn is an offer as the interaction knows it. It is asked again where a reply
// to it was lost on this box.
func (d *Daemon) turn(e spool.Entry) flow.Turn {
	o := e.Offer
	_, picture := fileOf(o, protocol.RoleImage)
	t := flow.Turn{Hop: o.Hop, Epoch: o.Epoch, SendMode: o.SendMode, PhotoAllowed: o.PhotoAllowed, RecallSeconds: o.RecallSeconds, Picture: picture}
	lost, err := d.spool.DamagedItems()
	d.onDisk("list damaged replies", err)
	t.Again = slices.ContainsFunc(lost, func(b spool.Damaged) bool { return b.Hop == o.Hop })
	// A number under which the server has a take already would be taken for it.
	t.Takes, err = d.spool.LastTake(o.Hop, o.Epoch)
	d.onDisk("look for takes", err)
	return t
}
