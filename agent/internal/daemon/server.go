package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// contact is what the box last knew of its server; kept in the journal.
type contact struct {
	ServerID string    `json:"server_id,omitempty"`
	Server   string    `json:"server,omitempty"` // name for people
	At       time.Time `json:"at,omitzero"`      // last welcome, or end of a connection
}

// Refusal is a server's no to the box itself.
type Refusal struct {
	Code  protocol.Code `json:"code"`
	Text  string        `json:"text"`           // the server's sentence
	Next  string        `json:"next,omitempty"` // what it advises
	Since time.Time     `json:"since"`          // by the box's clock
}

// serverID is asked by the puller's goroutine.
func (d *Daemon) serverID() string {
	if id, ok := d.id.Load().(string); ok && id != "" {
		return id
	}
	return d.o.ServerID
}

// hint turns what the link tells into events. Hints are only ever a reason to
// look: what is true is asked of the server.
func (d *Daemon) hint(h link.Hint) {
	switch h.Kind {
	case link.Up:
		d.welcome(h)
	case link.Down:
		d.linkDown(h.Err)
	case link.Offers:
		d.puller.Wake()
	case link.Recall:
		d.puller.Recall(h.Ref.Hop)
		d.step(flow.Event{Kind: flow.KindRecalled, Hop: h.Ref.Hop, Epoch: h.Ref.Epoch})
	case link.Remind:
		d.step(flow.Event{Kind: flow.KindRemind, Hop: h.Ref.Hop})
	case link.Pause:
		d.step(flow.Event{Kind: flow.KindPause})
	case link.Resume:
		d.step(flow.Event{Kind: flow.KindResume})
	case link.Settings:
		d.adopt(*h.Settings, true)
	case link.Notice:
		d.log.Info("the server has a notice") // its text is for people, not for logs
	case link.Acked:
		d.acked(h.Ack)
	case link.End, link.Check, link.Practice:
		d.request(h)
	}
}

// welcome is a connection: whatever was missed is asked for now.
func (d *Daemon) welcome(h link.Hint) {
	w := h.Welcome
	d.downAt = time.Time{}
	d.id.Store(w.ServerID)
	d.raiseFloor(w.ServerTime)
	d.agreed = w.ServerTime.Sub(d.o.Now()).Abs() < time.Minute
	d.logged, d.refusal = "", Refusal{}
	d.contact(contact{ServerID: w.ServerID, Server: w.Server})
	d.step(flow.Event{Kind: flow.KindNetUp})
	if h.Settings != nil {
		d.adopt(*h.Settings, true)
	}
	d.lookAtClock()
	switch {
	case w.Paused:
		d.step(flow.Event{Kind: flow.KindPause})
	case d.state.Phase == flow.Paused || d.state.Pausing:
		d.step(flow.Event{Kind: flow.KindResume})
	}
	d.o.Client.Renew()
	d.puller.WakeAll()
	d.pusher.Wake()
	if d.noRoom { // nor was there room for the report of it
		d.report1(protocol.Report{Code: protocol.ReportDisk, At: d.wall()}, d.state.DiskAlert)
	}
	d.wakeChecks()
	d.syncClips()
	d.sendStatus()
}

// linkDown waits a moment before anybody is told: a server that is restarted
// is nobody's business. A refusal is told at once.
func (d *Daemon) linkDown(err error) {
	if d.state.Online && d.downAt.IsZero() {
		d.contact(d.server)
	}
	if r, ok := errors.AsType[*link.Refused](err); ok {
		d.refusedBy(r.Problem)
		return
	}
	if d.state.Online && d.downAt.IsZero() {
		d.downAt = time.Now()
	}
}

// refusedBy is a server that does not let this box in: logged once, however
// many requests find it out, and told by status until the next welcome.
func (d *Daemon) refusedBy(p *protocol.Problem) {
	if d.logged != p.Code {
		d.logged = p.Code
		d.log.Error("the server refuses this box; it is tried again every hour", "code", string(p.Code), "error", p)
	}
	if d.refusal.Code != p.Code {
		d.refusal = Refusal{Code: p.Code, Text: p.Detail, Next: p.Next, Since: d.wall()}
	}
	d.downAt = time.Time{}
	d.step(flow.Event{Kind: flow.KindNetDown, Code: flow.CodeAuth})
}

// contact keeps when the server was last heard of.
func (d *Daemon) contact(c contact) {
	c.At = d.wall()
	d.server = c
	d.onDisk("keep the last contact", d.spool.Save(keyServer, c))
	d.writeStatus(true)
}

// onArrived is told by the puller once a whisper's files are verified. What
// cannot be played never gets as far as a light (people.md E_MEDIA).
func (d *Daemon) onArrived(e spool.Entry) {
	err := playable(e)
	d.post(d.ctx, func() {
		if err != nil {
			d.log.Error("a whisper cannot be played", "hop", e.Offer.Hop, "error", err)
			return
		}
		d.arrived(e)
	})
}

func playable(e spool.Entry) error {
	f, ok := fileOf(e.Offer, protocol.RoleAudio)
	if !ok {
		return errors.New("it has no recording")
	}
	s, err := media.OpenWAV(e.Path(f))
	if err != nil {
		return err
	}
	return s.Close()
}

// arrived is MSG: the turn and all of its media are on the disk.
func (d *Daemon) arrived(e spool.Entry) {
	o := e.Offer
	d.note(protocol.TypeDelivered, protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: d.wall()})
	t := d.turn(e)
	d.step(flow.Event{Kind: flow.KindMSG, Hop: o.Hop, Epoch: o.Epoch, Turn: &t})
}

// answered reports whether the server holds this box's reply to an offer.
func (d *Daemon) answered(hop string, epoch int) (bool, error) {
	sent, err := d.spool.SentItems()
	if err != nil {
		return false, err
	}
	for _, it := range sent {
		if it.Hop == hop && it.Epoch >= epoch && it.Receipt.State != protocol.ReplyTakenBack {
			return true, nil
		}
	}
	return false, nil
}

// onClosed is told by the puller that the server says a turn is over.
func (d *Daemon) onClosed(o protocol.Offer) {
	d.post(d.ctx, func() { d.closed(o) })
}

func (d *Daemon) closed(o protocol.Offer) {
	if o.State == protocol.OfferAnswered {
		// By us, as a rule: then the receipt tells the citizen, not this.
		mine, err := d.replied(o.Hop, o.Epoch)
		if err != nil || mine {
			d.onDisk("look for a reply", err)
			return
		}
	}
	d.step(flow.Event{Kind: flow.KindRecalled, Hop: o.Hop, Epoch: o.Epoch})
	if !d.holds(o.Hop) {
		d.told[o.Hop] = max(d.told[o.Hop], o.Epoch)
		d.forget(o.Hop) // the machine never had it, or is done with it
	}
}

// replied reports whether the box has sealed a reply to an offer, sent or not.
func (d *Daemon) replied(hop string, epoch int) (bool, error) {
	if done, err := d.answered(hop, epoch); done || err != nil {
		return done, err
	}
	items, err := d.outbox()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(items, func(it spool.Item) bool { return it.Hop == hop && it.Epoch >= epoch }), nil
}

// holds reports whether the machine has a hop in hand or in its queue.
func (d *Daemon) holds(hop string) bool {
	if d.state.Turn.Hop == hop {
		return true
	}
	for _, t := range d.state.Queue {
		if t.Hop == hop {
			return true
		}
	}
	return false
}

func (d *Daemon) onPullFailed(hop string, attempts int, err error) {
	if !d.refused(err) {
		d.log.Warn("a whisper could not be fetched", "hop", hop, "attempts", attempts, "error", err)
	}
}

// refused reports whether a request failed because of who asked.
func (d *Daemon) refused(err error) bool {
	p, ok := errors.AsType[*protocol.Problem](err)
	if !ok || !transfer.IsAuth(err) {
		return false
	}
	d.post(d.ctx, func() { d.refusedBy(p) })
	return true
}

// takeBack is a reply that the citizen wants back. It is in the journal until
// the server has answered: a box that forgot the question would not know that
// the turn is its own again.
type takeBack struct {
	Hop   string `json:"hop"`
	Epoch int    `json:"epoch"`
	Reply string `json:"reply"`
	seq   int64
}

// setBack keeps what is being taken back; the puller's goroutine asks for its hop.
func (d *Daemon) setBack(b *takeBack) {
	d.back = b
	if b == nil {
		d.backHop.Store("")
		return
	}
	d.backHop.Store(b.Hop)
}

func (d *Daemon) takeItBack(f flow.Effect) {
	b := &takeBack{Hop: f.Hop, Epoch: f.Epoch, Reply: f.Reply, seq: f.Seq}
	err := d.spool.Unseal(f.Reply)
	if err == nil { // it never left the box
		d.isBack(b)
		return
	}
	if !errors.Is(err, spool.ErrMaybeSent) && !errors.Is(err, spool.ErrUnknown) {
		d.onDisk("take a reply back", err)
	}
	if d.back != nil {
		if d.back.Reply == b.Reply {
			d.back.seq = b.seq // asked again while the first question is under way
		}
		return
	}
	if err := d.spool.Save(keyTakeBack, b); err != nil {
		d.onDisk("keep a take-back", err)
		d.step(flow.Event{Kind: flow.KindNotBack, Seq: f.Seq, Reply: f.Reply})
		return
	}
	d.setBack(b)
	d.askBack(b)
}

// askTime bounds one question; the machine itself waits for 20 s in all.
const askTime = 15 * time.Second

// askBack asks the server until it answers, across restarts.
func (d *Daemon) askBack(b *takeBack) {
	d.wait.Go(func() {
		pause := retry.Backoff{Min: 2 * time.Second, Max: 5 * time.Minute}
		for {
			err := within(d.ctx, askTime, func(ctx context.Context) error { return d.o.Client.TakeBack(ctx, b.Hop, b.Reply) })
			if err == nil || transfer.IsRefused(err) {
				d.post(d.ctx, func() { d.tookBack(b, err) })
				return
			}
			if d.ctx.Err() != nil {
				return
			}
			d.log.Warn("a reply could not be taken back yet", "reply", b.Reply, "error", err)
			if pause.Wait(d.ctx) != nil {
				return
			}
		}
	})
}

// tookBack is the server's answer.
func (d *Daemon) tookBack(b *takeBack, refusal error) {
	if refusal == nil {
		if err := d.spool.Recall(b.Reply); err != nil && !errors.Is(err, spool.ErrUnknown) {
			d.onDisk("take a reply back", err)
		}
		d.isBack(b)
		return
	}
	d.log.Info("a reply was not given back", "reply", b.Reply, "error", refusal)
	d.onDisk("end a take-back", d.spool.Delete(keyTakeBack))
	d.setBack(nil)
	d.step(flow.Event{Kind: flow.KindNotBack, Seq: b.seq, Reply: b.Reply})
	if !d.holds(b.Hop) {
		d.told[b.Hop] = max(d.told[b.Hop], b.Epoch)
		d.forget(b.Hop)
	}
}

// isBack: the turn is the citizen's again. What was said is erased, as they
// wished; unsent takes stay on no box.
func (d *Daemon) isBack(b *takeBack) {
	d.eraseTakes(b.Hop)
	if d.back != nil {
		d.onDisk("end a take-back", d.spool.Delete(keyTakeBack))
		d.setBack(nil)
	}
	d.step(flow.Event{Kind: flow.KindTakenBack, Seq: b.seq, Reply: b.Reply})
	if d.holds(b.Hop) {
		return
	}
	// The machine had given up hope and put the turn away.
	e, err := d.spool.Entry(b.Hop)
	if err == nil && e.Ready {
		d.arrived(e)
		return
	}
	d.puller.Wake()
}
