package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is what a Proxy does to a connection that has carried enough.
type Fault int

// Faults.
const (
	FaultNone  Fault = iota
	FaultCut         // both ends see the connection closed
	FaultReset       // both ends see it reset, bytes on the way are lost
	FaultStall       // nothing moves for a while, then it is reset
)

// Proxy passes TCP on to one address, unchanged, and ends connections by its
// plan: a bad line between a box and its server.
type Proxy struct {
	// Every is after how many bytes, both ways together, a connection is ended.
	Every int64
	// Rate is how many bytes a second a connection carries each way; 0: as fast
	// as it can. A reset loses what its receiver has not read yet, so on a line
	// without a rate it loses more than any real one could.
	Rate int64
	// slower is a Rate that was set while it served.
	slower atomic.Int64
	// Faults are taken in turn.
	Faults []Fault
	// Stall is how long FaultStall lasts.
	Stall time.Duration

	target string
	l      net.Listener
	up     atomic.Int64
	down   atomic.Int64
	ended  atomic.Int64
	ctx    context.Context
	stop   context.CancelFunc
	all    sync.WaitGroup
}

// NewProxy listens on loopback for connections to target; Serve starts it.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	p := &Proxy{target: target, l: l}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// URL is the proxy's address for clients.
func (p *Proxy) URL() string { return "http://" + p.l.Addr().String() }

// Port is where it listens, on loopback.
func (p *Proxy) Port() int { return p.l.Addr().(*net.TCPAddr).Port }

// Slow makes the line carry rate bytes a second each way from now on, on the
// connections that there are as well.
func (p *Proxy) Slow(rate int64) { p.slower.Store(rate) }

// piece is how much is carried at once: little enough that a slow line is never
// silent for long.
const piece = 4 << 10

// buffered is what may be sent ahead of a line that is slower.
const buffered = 64 << 10

// Up is how many bytes clients have sent so far, headers included.
func (p *Proxy) Up() int64 { return p.up.Load() }

// Down is how many bytes clients have been sent so far.
func (p *Proxy) Down() int64 { return p.down.Load() }

// Ended is how many connections met a fault.
func (p *Proxy) Ended() int64 { return p.ended.Load() }

// Serve passes connections on until Close.
func (p *Proxy) Serve() {
	p.all.Go(func() {
		for n := 0; ; n++ {
			client, err := p.l.Accept()
			if err != nil {
				return // closed
			}
			fault := FaultNone
			if len(p.Faults) > 0 {
				fault = p.Faults[n%len(p.Faults)]
			}
			p.all.Go(func() { p.pass(client, fault) })
		}
	})
}

// Close ends all connections and waits.
func (p *Proxy) Close() error {
	p.stop()
	err := p.l.Close()
	p.all.Wait()
	return err
}

var errFault = errors.New("the line failed")

// pass carries one connection until either end, a fault or Close.
func (p *Proxy) pass(client net.Conn, fault Fault) {
	defer func() { _ = client.Close() }() // it may be closed already
	server, err := (&net.Dialer{}).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		reset(client) // the server is down: as it would be without us
		return
	}
	defer func() { _ = server.Close() }() // likewise
	if t, ok := client.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(buffered) // a wish; the kernel has the last word
	}
	stop := context.AfterFunc(p.ctx, func() { reset(client); reset(server) })
	defer stop()
	left := p.Every
	if fault == FaultNone || left <= 0 {
		left = math.MaxInt64
	}
	l := &line{left: left}
	var once sync.Once
	var both sync.WaitGroup
	for _, way := range []struct {
		to, from net.Conn
		n        *atomic.Int64
	}{{server, client, &p.up}, {client, server, &p.down}} {
		both.Go(func() {
			// Either end may leave. What waits in buffers would be carried at once.
			_, err := io.CopyBuffer(metered{way.to, way.n, l, p}, struct{ io.Reader }{way.from}, make([]byte, piece))
			if errors.Is(err, errFault) {
				once.Do(func() { p.fail(fault, client, server) })
			}
			closeWrite(way.to)
		})
	}
	both.Wait()
}

// fail is the fault itself.
func (p *Proxy) fail(fault Fault, client, server net.Conn) {
	p.ended.Add(1)
	if fault == FaultStall {
		select {
		case <-time.After(p.Stall):
		case <-p.ctx.Done():
		}
	}
	if fault == FaultCut {
		_ = client.Close() // whoever still writes learns of it
		_ = server.Close()
		return
	}
	reset(client)
	reset(server)
}

// line is what one connection may still carry, both ways together.
type line struct {
	mu   sync.Mutex
	left int64
}

// take allows up to n bytes.
func (l *line) take(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := min(int64(n), l.left)
	l.left -= ok
	return int(ok)
}

type metered struct {
	io.Writer
	n    *atomic.Int64
	line *line
	p    *Proxy
}

func (m metered) Write(b []byte) (int, error) {
	may := m.line.take(len(b))
	n, err := m.Writer.Write(b[:may])
	m.n.Add(int64(n))
	if rate := cmp.Or(m.p.slower.Load(), m.p.Rate); rate > 0 {
		select {
		case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
		case <-m.p.ctx.Done(): // which ends the connections as well
		}
	}
	if err == nil && may < len(b) {
		err = errFault
	}
	return n, err
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // a connection that is gone needs no reset
	}
	_ = c.Close() // the fault itself
}

func closeWrite(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.CloseWrite() // the other end may have left
	}
}
