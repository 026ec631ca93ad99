package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// crowd is many boxes that are connected and otherwise idle: they answer pings
// and send their own, as agents do.
type crowd struct {
	ctx   context.Context
	stop  context.CancelFunc
	all   sync.WaitGroup
	lost  atomic.Int64 // connections that ended before the crowd did
	conns []io.Closer
}

func newCrowd(ctx context.Context) *crowd {
	c := &crowd{}
	c.ctx, c.stop = context.WithCancel(ctx)
	return c
}

// close ends all connections and waits.
func (c *crowd) close() {
	c.stop()
	for _, conn := range c.conns {
		if conn != nil {
			_ = conn.Close() // it may have ended
		}
	}
	c.all.Wait()
}

// connectors bounds how many boxes connect at the same time.
const connectors = 64

// join connects boxes to an illumi server and keeps them there.
func (c *crowd) join(base string, boxes []*world.Box) error {
	return c.many(len(boxes), func(i int) (*websocket.Conn, error) { return connect(c.ctx, base, boxes[i]) }, c.live)
}

// joinBare connects n clients to the bare server.
func (c *crowd) joinBare(base string, n int) error {
	return c.many(n, func(int) (*websocket.Conn, error) { return dialBare(c.ctx, base) }, c.liveBare)
}

// joinFloor connects n clients to the bare server's other address.
func (c *crowd) joinFloor(address string, n int) error {
	conns := make([]io.Closer, n)
	defer func() { c.conns = append(c.conns, conns...) }()
	return each(n, connectors, func(i int) error {
		conn, err := (&net.Dialer{}).DialContext(c.ctx, "tcp", address)
		if err == nil {
			conns[i] = conn
		}
		return err
	})
}

func (c *crowd) many(n int, dial func(int) (*websocket.Conn, error), live func(*websocket.Conn)) error {
	conns := make([]*websocket.Conn, n)
	err := each(n, connectors, func(i int) (err error) {
		conns[i], err = dial(i)
		return err
	})
	for _, ws := range conns {
		if ws == nil {
			continue
		}
		c.conns = append(c.conns, ws)
		c.all.Go(func() {
			live(ws)
			if c.ctx.Err() == nil {
				c.lost.Add(1)
			}
		})
	}
	return err
}

// each does work 0 to n-1, so many at a time, and stops at the first error.
func each(n, atATime int, work func(int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range min(n, atATime) {
		all.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := work(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

var dialer = websocket.Dialer{
	Subprotocols: []string{protocol.Subprotocol}, HandshakeTimeout: time.Minute,
	ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{},
}

// connect opens a box's socket, greets and is welcomed.
func connect(ctx context.Context, base string, b *world.Box) (*websocket.Conn, error) {
	ws, res, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(base, "http")+protocol.PathSocket, http.Header{
		"Authorization": {"Bearer " + b.Secret}, protocol.HeaderBoard: {b.Board},
	})
	if err != nil {
		if res != nil {
			err = errors.Join(err, errors.New(res.Status), res.Body.Close())
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	hello := protocol.Hello{
		Version: protocol.Version, Agent: "bench", BootID: "bench",
		Capabilities: protocol.Capabilities{Buttons: 1, Microphone: true, Speaker: true, Simulated: true, Audio: "audio/wav"},
	}
	err = errors.Join(res.Body.Close(), ws.SetReadDeadline(time.Now().Add(time.Minute)), write(ws, protocol.TypeHello, "hello", hello))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("greet: %w", err), ws.Close())
	}
	_, data, err := ws.ReadMessage()
	if err == nil {
		var m protocol.Message
		if m, err = protocol.ParseMessageLoose(data); err == nil && m.Type != protocol.TypeWelcome {
			err = fmt.Errorf("a %s came instead of the welcome", m.Type)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("be welcomed: %w", err), ws.Close())
	}
	return ws, nil
}

func write(ws *websocket.Conn, t protocol.MessageType, id string, body any) error {
	frame, err := protocol.Encode(t, id, body)
	if err != nil {
		return err
	}
	return errors.Join(ws.SetWriteDeadline(time.Now().Add(time.Minute)), ws.WriteMessage(websocket.TextMessage, frame))
}

// live keeps a connection up as an agent does, until it ends.
func (c *crowd) live(ws *websocket.Conn) {
	pongs := make(chan string, 4)
	done := make(chan struct{})
	c.all.Go(func() {
		// Boxes do not start in the same moment.
		next := time.NewTimer(rand.N(protocol.PingEvery))
		defer next.Stop()
		for {
			var err error
			select {
			case <-done:
				return
			case id := <-pongs:
				err = write(ws, protocol.TypePong, id, nil)
			case <-next.C:
				next.Reset(protocol.PingEvery)
				err = write(ws, protocol.TypePing, "a-1", nil)
			}
			if err != nil {
				_ = ws.Close() // the reader learns of it
				return
			}
		}
	})
	defer close(done)
	for {
		if ws.SetReadDeadline(time.Now().Add(protocol.DeadAfter)) != nil {
			return
		}
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if m, err := protocol.ParseMessageLoose(data); err == nil && m.Type == protocol.TypePing {
			pongs <- m.ID
		}
	}
}

func (c *crowd) liveBare(ws *websocket.Conn) {
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}
