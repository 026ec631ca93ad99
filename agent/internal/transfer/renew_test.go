package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// swamp is a network in which everything sinks once it is asked to: nothing is
// refused, and nothing comes back.
type swamp struct {
	mu    sync.Mutex
	conns []*sinking
}

type sinking struct {
	net.Conn
	sunk chan struct{} // closed once it is
	once sync.Once
	end  chan struct{}
}

func (s *swamp) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &sinking{Conn: conn, sunk: make(chan struct{}), end: make(chan struct{})}
	s.conns = append(s.conns, c)
	return c, nil
}

// sink takes all connections of now.
func (s *swamp) sink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		close(c.sunk)
	}
	s.conns = nil
}

func (c *sinking) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.sunk:
		<-c.end
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *sinking) Write(b []byte) (int, error) {
	select {
	case <-c.sunk:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

func (c *sinking) Close() error {
	c.once.Do(func() { close(c.end) })
	return c.Conn.Close()
}

// sunk gives a client whose one connection, used once, has sunk.
func sunk(t *testing.T, http2 bool, o Options) *Client {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.ProtoMajor == 2) != http2 {
			t.Errorf("it is asked by %s", r.Proto)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"offers":[],"cursor":"0"}`)) // the client will notice
	}))
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	var way swamp
	o.Server, o.Dial, o.TLS = s.URL, way.dial, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	c, err := New(o)
	must(t, err)
	t.Cleanup(c.Close)
	if _, err := c.Offers(deadline(t), ""); err != nil {
		t.Fatal(err)
	}
	way.sink()
	return c
}

// Once the way to the server is a new one, what hangs on the old one is ended and
// the next attempt goes the new way, over HTTP/2 as well, where all requests
// share one connection.
func TestRenew_EndsWhatHangs(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		c := sunk(t, http2, Options{Stale: time.Nanosecond})
		ctx := deadline(t)
		ended := make(chan error, 1)
		go func() { _, err := c.Offers(ctx, ""); ended <- err }()
		for open := 0; open == 0; time.Sleep(time.Millisecond) {
			c.mu.Lock()
			open = len(c.pulses)
			c.mu.Unlock()
		}
		c.Renew()
		if err := <-ended; !errors.Is(err, ErrStalled) {
			t.Errorf("HTTP/2 %t: it ended with %v", http2, err)
		}
		if _, err := c.Offers(ctx, ""); err != nil {
			t.Errorf("HTTP/2 %t: the next attempt: %v", http2, err)
		}
	}
}

// What stalled is not tried again on the connection on which it did.
func TestStall_NextAttemptGoesAnotherWay(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		c := sunk(t, http2, Options{Stall: 2 * time.Second})
		ctx := deadline(t)
		if _, err := c.Offers(ctx, ""); !errors.Is(err, ErrStalled) {
			t.Errorf("HTTP/2 %t: it ended with %v", http2, err)
		}
		if _, err := c.Offers(ctx, ""); err != nil {
			t.Errorf("HTTP/2 %t: the next attempt: %v", http2, err)
		}
	}
}

// What moves is left alone.
func TestRenew_LeavesWhatMoves(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	seal(t, s, 1, sound(1, 3000), nil)
	c := client(t, f, nil)
	f.set(func(http.ResponseWriter, *http.Request) bool {
		c.Renew() // in the middle of each request
		return false
	})
	acked := make(chan protocol.Receipt, 1)
	p := NewPusher(PusherOptions{Client: c, Spool: s, Backoff: quick,
		Acked:  func(_ spool.Item, r protocol.Receipt) { acked <- r },
		Failed: func(_ spool.Item, err error) { t.Errorf("it failed: %v", err) }})
	run(t, p.Run)
	next(deadline(t), t, acked)
}
