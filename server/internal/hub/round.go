package hub

import (
	"time"

	"illumi/protocol"
)

// round is the order in which connections are pinged. All wait equally long
// from when they came or were pinged last, so a queue is in order by itself.
type round struct {
	first, last *conn
	set         bool // a timer runs
}

// place is a connection's in the round.
type place struct {
	before, after *conn
	at            time.Time
	in            bool
}

func (r *round) join(c *conn, at time.Time) {
	c.place = place{before: r.last, at: at, in: true}
	if r.last == nil {
		r.first = c
	} else {
		r.last.place.after = c
	}
	r.last = c
}

func (r *round) leave(c *conn) {
	p := c.place
	if !p.in {
		return
	}
	if p.before == nil {
		r.first = p.after
	} else {
		p.before.place.after = p.after
	}
	if p.after == nil {
		r.last = p.before
	} else {
		p.after.place.before = p.before
	}
	c.place = place{}
}

// due puts a new connection at the end of the round; h.mu is held.
func (h *Hub) due(c *conn) {
	h.round.join(c, time.Now().Add(h.ping))
	if !h.round.set {
		h.round.set = true
		time.AfterFunc(h.ping, h.pingDue)
	}
}

// pingDue pings all that are due, and comes again when the next one is. It
// stops coming when none is left.
func (h *Hub) pingDue() {
	// Pongs repeat the id, and nobody asks for it: a short one is cheap on thin lines.
	frame, err := protocol.Encode(protocol.TypePing, "p", nil)
	if err != nil {
		h.log.Error("a ping could not be written", "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || h.closed || h.round.first == nil {
		h.round.set = false
		return
	}
	now := time.Now()
	for c := h.round.first; !c.place.at.After(now); c = h.round.first {
		// A box that speaks by itself is not asked whether it is there, nor woken for that.
		if now.UnixNano()-c.heard.Load() >= int64(h.ping) {
			c.send(frame)
		}
		h.round.leave(c)
		h.round.join(c, now.Add(h.ping))
	}
	time.AfterFunc(h.round.first.place.at.Sub(now), h.pingDue)
}
