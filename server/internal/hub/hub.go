// Package hub holds the live connections of boxes. It carries hints out and
// messages in and remembers nothing: whether a box is online is what the
// database says it said.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// writeWait bounds one write to a box.
const writeWait = 10 * time.Second

// Messages that a box may send: a burst after a reconnect, then a trickle.
const (
	messagesPerSecond = 10
	messageBurst      = 200
)

// Handler answers one message of a box. The answer may be nil. An error closes
// the connection; the box will be back.
type Handler func(ctx context.Context, m protocol.Message) (answer []byte, err error)

// Hub is a registry of live connections, one a device. The newest wins.
type Hub struct {
	log  *slog.Logger
	ping time.Duration
	dead time.Duration

	mu     sync.Mutex
	conns  map[string]*conn
	closed bool
	wg     sync.WaitGroup
}

// New makes an empty hub.
func New(log *slog.Logger) *Hub {
	return &Hub{log: log, ping: protocol.PingEvery, dead: protocol.DeadAfter, conns: map[string]*conn{}}
}

type conn struct {
	ws     *websocket.Conn
	out    chan []byte
	closed chan struct{}
	once   sync.Once
	code   int
	reason string
}

// close asks the writer to say goodbye; the first reason stands.
func (c *conn) close(code int, reason string) {
	c.once.Do(func() {
		c.code, c.reason = code, reason
		close(c.closed)
	})
}

// ErrClosed is returned for a connection that comes during shutdown.
var ErrClosed = errors.New("hub: shutting down")

// Serve runs a connection until it ends, and returns why. first is sent before
// anything else. The caller has upgraded ws and read the hello.
func (h *Hub) Serve(ctx context.Context, ws *websocket.Conn, device string, first []byte, handle Handler) error {
	c := &conn{ws: ws, out: make(chan []byte, queueLength), closed: make(chan struct{})}
	c.out <- first
	if err := h.add(device, c); err != nil {
		c.close(websocket.CloseGoingAway, "")
		c.goodbye()
		return err
	}
	defer h.remove(device, c)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	written := make(chan struct{})
	go func() {
		defer close(written)
		h.write(c)
	}()
	err := h.read(ctx, c, handle)
	c.close(closeCode(err))
	<-written
	return err
}

func (h *Hub) add(device string, c *conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	if old := h.conns[device]; old != nil {
		old.close(websocket.ClosePolicyViolation, "replaced")
	}
	h.conns[device] = c
	h.wg.Add(1)
	return nil
}

func (h *Hub) remove(device string, c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[device] == c {
		delete(h.conns, device)
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
	return websocket.CloseInternalServerErr, "try again"
}

func (h *Hub) read(ctx context.Context, c *conn, handle Handler) error {
	limit := rate.NewLimiter(messagesPerSecond, messageBurst)
	c.ws.SetReadLimit(protocol.MaxMessageBytes)
	for {
		if err := c.ws.SetReadDeadline(time.Now().Add(h.dead)); err != nil {
			return fmt.Errorf("hub: set read deadline: %w", err)
		}
		m, err := ReadMessage(c.ws)
		if err != nil {
			return err
		}
		if err := limit.Wait(ctx); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
		switch m.Type {
		case protocol.TypePing:
			answer, err := protocol.Encode(protocol.TypePong, m.ID, nil)
			if err != nil {
				return err
			}
			c.send(answer)
		case protocol.TypePong:
		default:
			answer, err := handle(ctx, m)
			if err != nil {
				return err
			}
			if answer != nil {
				c.send(answer)
			}
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
func CloseWith(ws *websocket.Conn, err error) error {
	code, reason := closeCode(err)
	werr := ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(writeWait))
	return errors.Join(werr, ws.Close())
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

func (h *Hub) write(c *conn) {
	ping := time.NewTicker(h.ping)
	defer ping.Stop()
	defer c.goodbye()
	for {
		var frame []byte
		select {
		case <-c.closed:
			return
		case frame = <-c.out:
		case <-ping.C:
			var err error
			if frame, err = protocol.Encode(protocol.TypePing, uuid.NewString(), nil); err != nil {
				return
			}
		}
		if c.ws.SetWriteDeadline(time.Now().Add(writeWait)) != nil || c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
			c.close(websocket.CloseAbnormalClosure, "")
			return
		}
	}
}

// goodbye writes the close frame and ends both directions. The peer may be
// gone: nothing depends on it.
func (c *conn) goodbye() {
	if c.code != websocket.CloseAbnormalClosure {
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(c.code, c.reason), time.Now().Add(time.Second))
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
