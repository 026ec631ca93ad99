// Package hub holds the live connections of boxes. It carries hints out and
// messages in and remembers nothing: whether a box is online is what the
// database says it said.
//
// An idle connection costs two goroutines with their stacks, net/http's and
// gorilla's read buffers, the queue and a ticker. What could go: the ticker and
// the writing goroutine (one timer wheel for all, a writer only while there is
// something to write), and net/http's own buffers, which live as long as the
// handler that was hijacked.
package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"illumi/protocol"
)

// A box that is behind by this many hints is dropped, never waited for: it
// asks for everything when it is back.
const queueLength = 16

// writeWait bounds one write to a box, partingTime the goodbye: writing it, and
// waiting for the box's own.
const (
	writeWait   = 10 * time.Second
	partingTime = time.Second
)

// Messages that a box may send: a burst after a reconnect, then a trickle.
const (
	messagesPerSecond = 10
	messageBurst      = 200
)

// Handler answers one message of a box, one at a time. The answer may be nil.
// An error closes the connection; the box will be back.
type Handler func(ctx context.Context, m protocol.Message) (answer []byte, err error)

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

type conn struct {
	ws     *websocket.Conn
	out    chan []byte
	closed chan struct{}
	once   sync.Once
	code   int
	reason string
}

// close asks the writer to say goodbye; the first reason stands. A write that
// hangs is not waited for.
func (c *conn) close(code int, reason string) {
	c.once.Do(func() {
		c.code, c.reason = code, reason
		close(c.closed)
		// A connection that is gone takes no deadline, and needs none.
		_ = c.ws.NetConn().SetWriteDeadline(time.Now().Add(partingTime))
	})
}

func (c *conn) over() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// ErrClosed is returned for a connection that comes during shutdown.
var ErrClosed = errors.New("hub: shutting down")

// Serve runs a connection until it ends, and returns why. The caller has
// upgraded ws and read the hello; it is handled first, when the box is
// registered already: what is revoked or offered from then on reaches it.
func (h *Hub) Serve(ctx context.Context, ws *websocket.Conn, device string, hello protocol.Message, handle Handler) error {
	c := &conn{ws: ws, out: make(chan []byte, queueLength), closed: make(chan struct{})}
	copies, err := h.add(device, c)
	if err != nil {
		c.close(websocket.CloseGoingAway, "")
		c.goodbye()
		c.part()
		return err
	}
	defer h.remove(device, c)
	if copies && h.tell != nil {
		h.tell(device)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The welcome comes before any hint, so the writer starts after it.
	welcome, err := handle(ctx, hello)
	written := make(chan struct{})
	go func() {
		defer close(written)
		h.write(c, welcome)
	}()
	if err == nil {
		err = h.read(ctx, c, handle)
	}
	c.close(closeCode(err))
	<-written
	c.part()
	return err
}

func (h *Hub) add(device string, c *conn) (copies bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false, ErrClosed
	}
	if old := h.conns[device]; old != nil {
		old.close(websocket.ClosePolicyViolation, "replaced")
		copies = h.again(device)
	}
	h.conns[device] = c
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

func (h *Hub) remove(device string, c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[device] == c {
		delete(h.conns, device)
		delete(h.replaced, device)
	}
	h.wg.Done()
}

// errPeer marks what the box did wrong; its text is the close reason.
type errPeer struct {
	code   int
	reason string
}

func (e errPeer) Error() string { return fmt.Sprintf("hub: box closed out: %s (%d)", e.reason, e.code) }

func closeCode(err error) (int, string) {
	var peer errPeer
	if errors.As(err, &peer) {
		return peer.code, peer.reason
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return websocket.ClosePolicyViolation, "silent for too long"
	}
	return websocket.CloseInternalServerErr, "try again"
}

func (h *Hub) read(ctx context.Context, c *conn, handle Handler) error {
	limit := rate.NewLimiter(messagesPerSecond, messageBurst)
	c.ws.SetReadLimit(protocol.MaxMessageBytes)
	for {
		if err := c.ws.SetReadDeadline(time.Now().Add(h.dead)); err != nil {
			return fmt.Errorf("hub: set read deadline: %w", err)
		}
		// After the deadline, which goodbye makes shorter.
		if c.over() {
			return fmt.Errorf("hub: closed: %s", c.reason)
		}
		m, err := ReadMessage(c.ws)
		if err != nil {
			return err
		}
		if c.over() {
			return fmt.Errorf("hub: closed: %s", c.reason)
		}
		if err := limit.Wait(ctx); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
		answer, err := handle(ctx, m)
		if err != nil {
			return err
		}
		if answer != nil {
			c.send(answer)
		}
	}
}

// ReadMessage reads one message and turns what a box does wrong into an error
// that closes with the right code: 1003 for binary, 1007 for text that is not
// UTF-8 (gorilla leaves that check to us), 1008 for anything unreadable.
func ReadMessage(ws *websocket.Conn) (protocol.Message, error) {
	kind, frame, err := ws.ReadMessage()
	if err != nil {
		return protocol.Message{}, fmt.Errorf("hub: read: %w", err)
	}
	if kind != websocket.TextMessage {
		return protocol.Message{}, errPeer{websocket.CloseUnsupportedData, "text only"}
	}
	m, err := protocol.ParseMessage(frame)
	if errors.Is(err, protocol.ErrNotUTF8) {
		return m, errPeer{websocket.CloseInvalidFramePayloadData, "not UTF-8"}
	}
	if err != nil {
		return m, errPeer{websocket.ClosePolicyViolation, "unreadable message"}
	}
	return m, nil
}

// CloseWith says goodbye on a connection that the hub does not have yet.
func CloseWith(ws *websocket.Conn, err error) {
	c := &conn{ws: ws, closed: make(chan struct{})}
	c.close(closeCode(err))
	c.goodbye()
	c.part()
}

// Refuse makes an error that closes a connection by policy, for a reason that
// the box understands.
func Refuse(code protocol.Code) error {
	return errPeer{websocket.ClosePolicyViolation, string(code)}
}

func (c *conn) send(frame []byte) {
	select {
	case c.out <- frame:
	case <-c.closed:
	default:
		c.close(websocket.CloseTryAgainLater, "too slow")
	}
}

func (h *Hub) write(c *conn, first []byte) {
	defer c.goodbye()
	ping := time.NewTicker(h.ping)
	defer ping.Stop()
	for frame := first; ; {
		if c.over() {
			return
		}
		if frame != nil && (c.ws.SetWriteDeadline(time.Now().Add(writeWait)) != nil || c.ws.WriteMessage(websocket.TextMessage, frame) != nil) {
			c.close(websocket.CloseAbnormalClosure, "cannot be written to")
			return
		}
		select {
		case <-c.closed:
			return
		case frame = <-c.out:
		case <-ping.C:
			var err error
			if frame, err = protocol.Encode(protocol.TypePing, uuid.NewString(), nil); err != nil {
				h.log.Error("a ping could not be written", "error", err)
				return
			}
		}
	}
}

// goodbye writes the close frame and bounds the wait for the box's own. The
// box may be gone: nothing depends on it.
func (c *conn) goodbye() {
	c.close(websocket.CloseInternalServerErr, "try again") // unless there is a reason already
	until := time.Now().Add(partingTime)
	_ = c.ws.NetConn().SetReadDeadline(until)
	if c.code != websocket.CloseAbnormalClosure {
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(c.code, c.reason), until)
	}
}

// part takes in what the box still sends, for a moment: closing on unread
// bytes resets the connection, and the box would not learn why it ended.
func (c *conn) part() {
	if c.code != websocket.CloseAbnormalClosure {
		_, _ = io.CopyN(io.Discard, c.ws.NetConn(), 4*protocol.MaxMessageBytes)
	}
	_ = c.ws.Close()
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
