package link

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"illumi/agent/internal/retry"
	"illumi/protocol"
)

// wire is a network without a machine: pipes between the link and a real HTTP
// server, so that the tests run in simulated time.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	peers  chan *peer
	// refuse may answer instead of upgrading.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	dials  int // only the link's goroutine
	noSub  bool
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error { w.once.Do(func() { close(w.closed) }); return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (w *wire) Addr() net.Addr { return pipeAddr{} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.dials++
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.closed:
		return nil, errors.New("no network")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// peer is the server's end of one connection.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
	done chan struct{}
}

func (p *peer) close() { close(p.done) }

func (p *peer) read() protocol.Message {
	p.t.Helper()
	_, frame, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatalf("the server reads: %v", err)
	}
	m, err := protocol.ParseMessage(frame) // strictly, as the server does
	if err != nil {
		p.t.Fatalf("the server reads %s: %v", frame, err)
	}
	return m
}

// readClose returns the code with which the link went.
func (p *peer) readClose() int {
	p.t.Helper()
	for {
		if _, _, err := p.conn.ReadMessage(); err != nil {
			if c, ok := errors.AsType[*websocket.CloseError](err); ok {
				return c.Code
			}
			return -1
		}
	}
}

func (p *peer) say(t protocol.MessageType, body any) {
	p.t.Helper()
	p.answer(t, "s-1", body)
}

func (p *peer) answer(t protocol.MessageType, id string, body any) {
	p.t.Helper()
	frame, err := protocol.Encode(t, id, body)
	if err == nil {
		err = p.conn.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

var welcome = protocol.Welcome{Version: 1, ServerTime: time.Unix(1, 0).UTC(), Server: "Haus am See", ServerID: "s",
	Device: "01930d5e-7c1a-7000-8000-00000000d001", Name: "janeeyre",
	Settings: protocol.Settings{SendMode: protocol.SendGrace, Volume: 2, Language: "en", TimeZone: "UTC"}}

// greet takes the hello and welcomes.
func (p *peer) greet() {
	p.t.Helper()
	m := p.read()
	var h protocol.Hello
	if err := protocol.Decode(m.Body, &h); m.Type != protocol.TypeHello || err != nil || h.Check() != nil {
		p.t.Fatalf("first came %s: %v", m.Type, err)
	}
	p.say(protocol.TypeWelcome, welcome)
}

// world runs a link against a server of the test in simulated time.
func world(t *testing.T, change func(*Options, *wire), story func(t *testing.T, w *wire, l *Link)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{conns: make(chan net.Conn), closed: make(chan struct{}), peers: make(chan *peer)}
		up := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
		var handlers sync.WaitGroup
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			if w.refuse != nil && w.refuse(rw, r) {
				return
			}
			if r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get(protocol.HeaderBoard) != "board-7" || r.URL.Path != protocol.PathSocket {
				t.Errorf("asked for %s", r.URL.Path)
			}
			if w.noSub {
				r.Header.Del("Sec-Websocket-Protocol")
			}
			conn, err := up.Upgrade(rw, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			p := &peer{t, conn, make(chan struct{})}
			select {
			case w.peers <- p:
				<-p.done
			case <-w.closed:
			}
			_ = conn.Close()
		})}
		go func() { _ = srv.Serve(w) }()
		o := Options{Server: "http://127.0.0.1:1", Secret: "secret", Board: "board-7", Dial: w.dial,
			Hello:   func() protocol.Hello { return protocol.Hello{Version: 1, Agent: "test", BootID: "b"} },
			Backoff: &retry.Backoff{Min: time.Second, Max: 5 * time.Minute, Rand: func() float64 { return 0.5 }}}
		if change != nil {
			change(&o, w)
		}
		l, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		story(t, w, l)
		cancel()
		_ = w.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		_ = srv.Close()
		handlers.Wait()
	})
}

func expect(t *testing.T, l *Link, kind Kind) Hint {
	t.Helper()
	h := <-l.Hints()
	if h.Kind != kind {
		t.Fatalf("hint %s (%v), want %s", h.Kind, h.Err, kind)
	}
	return h
}
