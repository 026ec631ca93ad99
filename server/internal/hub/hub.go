// Package hub holds the live connections of boxes. It carries hints out and
// messages in and remembers nothing: whether a box is online is what the
// database says it said.
//
// An idle connection costs one goroutine that waits for the box's next word,
// with a stack that was never used for anything else. Writers exist while there
// is something to write, and one timer pings them all.
package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"illumi/protocol"
)

// Messages that a box may send: a burst after a reconnect, then a trickle.
const (
	messagesPerSecond = 10
	messageBurst      = 200
)

// Session is what the hub asks about one connection's box.
type Session interface {
	// Message answers one message, one at a time. The answer may be nil. An error
	// closes the connection; the box will be back.
	Message(ctx context.Context, m protocol.Message) (answer []byte, err error)
	// Ended is told once why the connection ended.
	Ended(err error)
}

// A connection that another one replaces is mostly a box that came back before
// its old one was known dead. So often so soon it is two boxes in turns.
const (
	copiesAfter  = 5
	copiesWithin = time.Minute
)

// Options of a Hub. Zero durations are the protocol's.
type Options struct {
	Log *slog.Logger
	// Ping is how often a box is asked for a sign of life, Dead the silence
	// after which it is gone.
	Ping, Dead time.Duration
	// Copies is told when a device's connections replace each other so often
	// that two boxes seem to share its identity; nil tells nobody.
	Copies func(device string)
}

// Hub is a registry of live connections, one a device. The newest wins.
type Hub struct {
	log  *slog.Logger
	ping time.Duration
	dead time.Duration
	tell func(device string)

	mu       sync.Mutex
	conns    map[string]*conn
	replaced map[string][]time.Time // when a device's live connection was replaced of late
	round    round
	closed   bool
	wg       sync.WaitGroup
}

// New makes an empty hub.
func New(o Options) *Hub {
	return &Hub{
		log: o.Log, ping: cmp.Or(o.Ping, protocol.PingEvery), dead: cmp.Or(o.Dead, protocol.DeadAfter),
		tell: o.Copies, conns: map[string]*conn{}, replaced: map[string][]time.Time{},
	}
}

// ErrClosed is the end of a connection that comes during shutdown.
var ErrClosed = errors.New("hub: shutting down")

// Serve takes a connection over and returns when the box is greeted; s is told
// when it ends, which may be before. The caller has read the
// hello; it is handled first, when the box is registered already: what is
// revoked or offered from then on reaches it.
func (h *Hub) Serve(ctx context.Context, ws Socket, device string, hello protocol.Message, s Session) {
	// The welcome comes before any hint: until then it counts as being written.
	c := &conn{Socket: ws, device: device, session: s, writing: true, limit: rate.NewLimiter(messagesPerSecond, messageBurst)}
	copies, err := h.add(c)
	if err != nil {
		c.close(websocket.CloseGoingAway, "")
		c.write()
		c.part()
		s.Ended(err)
		return
	}
	if copies && h.tell != nil {
		h.tell(device)
	}
	c.ws.SetReadLimit(protocol.MaxMessageBytes)
	welcome, err := h.handle(ctx, c, hello)
	c.begin(welcome)
	h.follow(ctx, c, err)
}

// follow waits for the next message in a fresh goroutine, or ends the
// connection. Handling a message needs a deep stack, waiting for one a small
// one, and stacks that have grown shrink late.
func (h *Hub) follow(ctx context.Context, c *conn, err error) {
	if err == nil {
		err = c.expect(h.dead)
	}
	if err != nil {
		h.end(c, err)
		return
	}
	go h.turn(ctx, c)
}

// turn waits for one message. This is where idle boxes are, and the runtime
// begins every stack with what stacks need on the average: the way down to the
// read is short on purpose, a third of the smallest stack.
func (h *Hub) turn(ctx context.Context, c *conn) {
	_, err := c.in.Peek(1)
	h.take(ctx, c, err)
}

// take handles the message that came, or the end.
//
//go:noinline
func (h *Hub) take(ctx context.Context, c *conn, err error) {
	if err == nil {
		err = h.answer(ctx, c)
	}
	h.follow(ctx, c, err)
}

func (h *Hub) answer(ctx context.Context, c *conn) error {
	m, err := c.Read()
	if err != nil {
		return err
	}
	if err := c.ended(); err != nil {
		return err
	}
	if err := c.limit.Wait(ctx); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	answer, err := h.handle(ctx, c, m)
	if err != nil {
		return err
	}
	if answer != nil {
		c.send(answer)
	}
	return nil
}

// handle keeps a panic to the one connection that it came up in.
func (h *Hub) handle(ctx context.Context, c *conn, m protocol.Message) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("a message made the server stumble", "device", c.device, "type", string(m.Type), "panic", p, "stack", string(debug.Stack()))
			err = errors.New("hub: panic in a session")
		}
	}()
	return c.session.Message(ctx, m)
}

// end says goodbye, forgets the connection and closes it.
func (h *Hub) end(c *conn, err error) {
	c.close(closeCode(err))
	<-c.parted
	c.part()
	h.remove(c)
	c.session.Ended(err)
	h.wg.Done()
}

func (h *Hub) add(c *conn) (copies bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false, ErrClosed
	}
	if old := h.conns[c.device]; old != nil {
		old.close(websocket.ClosePolicyViolation, "replaced")
		h.round.leave(old)
		copies = h.again(c.device)
	}
	h.conns[c.device] = c
	h.due(c)
	h.wg.Add(1)
	return copies, nil
}

// again counts a replacement and reports whether they are too many; it begins
// anew then.
func (h *Hub) again(device string) bool {
	now := time.Now()
	late := slices.DeleteFunc(h.replaced[device], func(t time.Time) bool { return now.Sub(t) >= copiesWithin })
	if h.replaced[device] = append(late, now); len(h.replaced[device]) < copiesAfter {
		return false
	}
	delete(h.replaced, device)
	return true
}

func (h *Hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[c.device] == c {
		delete(h.conns, c.device)
		delete(h.replaced, c.device)
		h.round.leave(c)
	}
}

// Send passes a hint to a box, if it is connected here.
func (h *Hub) Send(device string, t protocol.MessageType, body any) {
	h.mu.Lock()
	c := h.conns[device]
	h.mu.Unlock()
	if c == nil {
		return
	}
	frame, err := protocol.Encode(t, uuid.NewString(), body)
	if err != nil {
		h.log.Error("a hint could not be written", "type", string(t), "error", err)
		return
	}
	c.send(frame)
}

// Close ends a box's connection with a code that the box understands.
func (h *Hub) Close(device string, code protocol.Code) {
	h.mu.Lock()
	c := h.conns[device]
	h.mu.Unlock()
	if c != nil {
		c.close(websocket.ClosePolicyViolation, string(code))
	}
}

// Count is the number of live connections.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// Shutdown tells every box that the server goes away (1001) and waits until
// their messages in work are done, or until ctx ends.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	for _, c := range h.conns {
		c.close(websocket.CloseGoingAway, "")
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("hub: boxes are still connected: %w", ctx.Err())
	}
}
