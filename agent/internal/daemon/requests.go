package daemon

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/retry"
	"illumi/protocol"
)

// This file has what the server asks of the box. However often it asks, there
// is one check and one practice turn at a time: a server that went wrong must
// not fill a box's memory, or keep it from its citizen.

// asking is what the loop knows of the server's requests of this run.
type asking struct {
	seen map[string]bool // bounded by maxSeen
	// check is the one that waits for its turn or runs; alike are others that
	// came meanwhile, and get the same answer.
	check protocol.Request
	alike []string
}

const (
	maxSeen  = 100
	maxAlike = 5 // the oldest are dropped: who asked asks again
)

// request is something the server asks of the box, with every welcome until it
// knows the outcome. The same one twice is one; one that a power cut ended is
// begun again, but for practice, whose citizen has seen it go.
func (d *Daemon) request(h link.Hint) {
	id := h.Request.ID
	if d.asking.seen[id] {
		return
	}
	if len(d.asking.seen) >= maxSeen { // what is done is in the journal
		clear(d.asking.seen)
		for _, open := range append(d.asking.alike, d.asking.check.ID) {
			d.asking.seen[open] = true
		}
	}
	if d.asking.seen[id] {
		return
	}
	d.asking.seen[id] = true
	if d.handledRequest(id) {
		return
	}
	switch h.Kind {
	case link.Check:
		d.askedToCheck(h.Request)
	case link.Practice:
		d.handled(id)
		if d.practising() {
			d.practice.request = id // the one that waits is what was asked for
			return
		}
		d.practise(id)
	case link.End:
		d.endBy = id
		d.onDisk("note who ended the study", d.spool.Save(keyEnd, id))
		d.step(flow.Event{Kind: flow.KindEnd})
	}
}

// askedToCheck begins a check, or joins the one that is under way.
func (d *Daemon) askedToCheck(r protocol.Request) {
	a := &d.asking
	if a.check.ID == "" {
		a.check = r
		d.wait.Go(func() { d.checkWhenFree(r) })
		return
	}
	a.alike = append(a.alike, r.ID)
	if n := len(a.alike) - maxAlike; n > 0 {
		for _, id := range a.alike[:n] {
			delete(a.seen, id)
		}
		a.alike = slices.Delete(a.alike, 0, n)
	}
}

// checkAnswered lets those that asked for the same have what was found.
func (d *Daemon) checkAnswered(c protocol.Check) {
	if c.Request == "" || c.Request != d.asking.check.ID {
		return
	}
	alike := d.asking.alike
	d.asking.check, d.asking.alike = protocol.Request{}, nil
	for _, id := range alike {
		c.ID, c.Request = uuid.Must(uuid.NewV7()).String(), id
		d.keepCheck(c)
	}
}

// checkFailed forgets what was asked: the server asks again.
func (d *Daemon) checkFailed() {
	a := &d.asking
	for _, id := range append(a.alike, a.check.ID) {
		delete(a.seen, id)
	}
	a.check, a.alike = protocol.Request{}, nil
}

// handledRequest reports whether a request was handled before the last start.
func (d *Daemon) handledRequest(id string) bool {
	var done []string
	_, err := d.load(keyRequests, &done)
	d.onDisk("read requests", err)
	return slices.Contains(done, id)
}

// handled notes that nothing more is to be done for a request.
func (d *Daemon) handled(id string) {
	if id == "" {
		return
	}
	const most = 50
	var done []string
	_, err := d.load(keyRequests, &done)
	if err == nil && !slices.Contains(done, id) {
		done = append(done, id)
		err = d.spool.Save(keyRequests, done[max(0, len(done)-most):])
	}
	d.onDisk("note a request", err)
}

// checkWhenFree waits for the end of what a citizen is doing.
func (d *Daemon) checkWhenFree(r protocol.Request) {
	pause := retry.Backoff{Min: 10 * time.Second, Max: time.Minute}
	for {
		_, err := d.check(d.ctx, protocol.CheckDoctor, r, "", func(protocol.CheckItem) {})
		switch {
		case err == nil || d.ctx.Err() != nil:
			return
		case !errors.Is(err, ErrInUse):
			d.log.Warn("the box could not be looked through", "error", err)
			d.post(d.ctx, d.checkFailed)
			return
		}
		if pause.Wait(d.ctx) != nil {
			return
		}
	}
}

// practice is the latest practice turn and the request that asked for it, if
// one did.
type practice struct{ hop, request string }

// practising reports whether a practice turn waits or is under way.
func (d *Daemon) practising() bool {
	now := d.state.Turn.Practice && d.state.Phase != flow.Sent // that one is told as done
	return now || slices.ContainsFunc(d.state.Queue, func(t flow.Turn) bool { return t.Practice })
}

// practise puts a turn of the box's own before the citizen. It is in no inbox,
// so a power cut ends it, and it has no way out of the box.
func (d *Daemon) practise(request string) {
	d.practice = practice{hop: uuid.Must(uuid.NewV7()).String(), request: request}
	d.step(flow.Event{Kind: flow.KindMSG, Turn: &flow.Turn{
		Hop: d.practice.hop, Epoch: 1, SendMode: d.settings.SendMode, PhotoAllowed: d.settings.PhotoAllowed, Practice: true,
	}})
}
