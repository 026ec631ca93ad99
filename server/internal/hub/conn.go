package hub

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

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

// conn is one connection. What only a busy or a closing one needs is made then.
type conn struct {
	Socket
	device  string
	session Session
	limit   *rate.Limiter
	heard   atomic.Int64 // when the box last said something, in ns since 1970
	place   place        // in the round; Hub.mu holds it

	mu      sync.Mutex
	queue   [][]byte
	writing bool // a writer is at work, or the welcome is not there yet
	over    bool
	code    int
	reason  string
	parted  chan struct{} // made by close; closed when the goodbye is written
}

// begin lets the writer begin, with the welcome where there is one.
func (c *conn) begin(welcome []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if welcome != nil && !c.over {
		c.queue = append([][]byte{welcome}, c.queue...)
	}
	go c.write()
}

// send queues a frame; one that finds the queue full ends the connection.
func (c *conn) send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case len(c.queue) >= queueLength:
		c.finish(websocket.CloseTryAgainLater, "too slow")
	default:
		c.queue = append(c.queue, frame)
		c.wake()
	}
}

// close asks the writer to say goodbye; the first reason stands. A write that
// hangs is not waited for.
func (c *conn) close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(code, reason)
}

// finish is close with mu held.
func (c *conn) finish(code int, reason string) {
	if c.over {
		return
	}
	c.over, c.code, c.reason, c.queue = true, code, reason, nil
	c.parted = make(chan struct{})
	// A connection that is gone takes no deadline, and needs none.
	_ = c.ws.NetConn().SetWriteDeadline(time.Now().Add(partingTime))
	c.wake()
}

// wake starts a writer where none is at work; mu is held.
func (c *conn) wake() {
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// write sends what is queued, or the goodbye, and ends.
func (c *conn) write() {
	for {
		frame, over := c.take()
		switch {
		case over:
			c.goodbye()
			close(c.parted)
			return
		case frame == nil:
			return
		}
		if c.ws.SetWriteDeadline(time.Now().Add(writeWait)) != nil || c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
			c.close(websocket.CloseAbnormalClosure, "cannot be written to")
		}
	}
}

// take returns the next frame, or nil where the writer is to end.
func (c *conn) take() (frame []byte, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return nil, true
	case len(c.queue) == 0:
		c.queue, c.writing = nil, false
		return nil, false
	}
	frame, c.queue = c.queue[0], c.queue[1:]
	return frame, false
}

// ended says why the connection is over; nil while it is not.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		return nil
	}
	return fmt.Errorf("hub: closed: %s", c.reason)
}

// expect bounds the wait for the box's next word, unless the connection is over.
func (c *conn) expect(dead time.Duration) error {
	now := time.Now()
	c.heard.Store(now.UnixNano())
	if err := c.ws.SetReadDeadline(now.Add(dead)); err != nil {
		return fmt.Errorf("hub: set read deadline: %w", err)
	}
	// After the deadline, which goodbye makes shorter.
	return c.ended()
}

// goodbye writes the close frame and bounds the wait for the box's own. The
// box may be gone: nothing depends on it.
func (c *conn) goodbye() {
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

// errPeer marks what the box did wrong; its text is the close reason.
type errPeer struct {
	code   int
	reason string
}

func (e errPeer) Error() string { return fmt.Sprintf("hub: box closed out: %s (%d)", e.reason, e.code) }

// Refuse makes an error that closes a connection by policy, for a reason that
// the box understands.
func Refuse(code protocol.Code) error {
	return errPeer{websocket.ClosePolicyViolation, string(code)}
}

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
