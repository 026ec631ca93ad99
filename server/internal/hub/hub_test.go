package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/server/internal/hub"
)

// rig is a hub behind a real HTTP server on connections in memory. In a
// synctest bubble its minutes pass in no time.
type rig struct {
	t     *testing.T
	hub   *hub.Hub
	conns chan net.Conn
	end   chan struct{}
	// handle answers what comes after the hello; nil answers nothing.
	handle handler
	ended  sync.Map // device → why its last connection ended
	copied chan string
}

type handler func(ctx context.Context, m protocol.Message) ([]byte, error)

// session is one connection's, and keeps why it ended.
type session struct {
	r      *rig
	device string
}

func (s session) Message(ctx context.Context, m protocol.Message) ([]byte, error) {
	if m.Type == protocol.TypeHello {
		return protocol.Encode(protocol.TypeWelcome, m.ID, nil)
	}
	if s.r.handle == nil {
		return nil, nil
	}
	return s.r.handle(ctx, m)
}

func (s session) Ended(err error) { s.r.ended.Store(s.device, fmt.Sprint(err)) }

func newRig(t *testing.T, handle handler) *rig {
	t.Helper()
	r := &rig{
		t: t, copied: make(chan string, 10),
		conns: make(chan net.Conn), end: make(chan struct{}), handle: handle,
	}
	r.hub = hub.New(hub.Options{Log: slog.New(slog.DiscardHandler), Copies: func(device string) { r.copied <- device }})
	srv := &http.Server{Handler: r}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(r) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		grace, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.hub.Shutdown(grace); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.end:
		return nil, net.ErrClosed
	}
}
func (r *rig) Close() error   { close(r.end); return nil }
func (r *rig) Addr() net.Addr { return &net.TCPAddr{} }

func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	up := websocket.Upgrader{}
	ws, err := hub.Upgrade(up, w, req)
	if err != nil {
		r.t.Error(err)
		return
	}
	device := strings.TrimPrefix(req.URL.Path, "/")
	hello := protocol.Message{Type: protocol.TypeHello, ID: "hello"}
	r.hub.Serve(context.Background(), ws, device, hello, session{r, device})
}

// box is a client that has read its welcome.
type box struct {
	t  *testing.T
	ws *websocket.Conn
}

func (r *rig) dial(device string) box {
	r.t.Helper()
	b := r.knock(device)
	if m := b.read(); m.Type != protocol.TypeWelcome || m.ID != "hello" {
		r.t.Fatalf("%s was greeted with %+v", device, m)
	}
	return b
}

func (r *rig) knock(device string) box {
	r.t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		r.conns <- theirs
		return ours, nil
	}}
	ws, resp, err := dialer.DialContext(r.t.Context(), "ws://hub/"+device, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ws.Close() })
	return box{r.t, ws}
}

func (b box) read() protocol.Message {
	b.t.Helper()
	_, frame, err := b.ws.ReadMessage()
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := protocol.ParseMessage(frame)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b box) say(t protocol.MessageType, id string) {
	b.t.Helper()
	frame, err := protocol.Encode(t, id, nil)
	if err == nil {
		err = b.ws.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// closed reads until the connection ends, and wants it to end so.
func (b box) closed(code int, reason string) {
	b.t.Helper()
	for {
		_, _, err := b.ws.ReadMessage()
		if err == nil {
			continue
		}
		ce, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || ce.Code != code || ce.Text != reason {
			b.t.Errorf("ended with %v, want %d %q", err, code, reason)
		}
		b.ws.Close()
		return
	}
}

func TestServe_SilentBoxIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		begin := time.Now()
		r.dial("a").closed(websocket.ClosePolicyViolation, "silent for too long")
		if silent := time.Since(begin); silent != protocol.DeadAfter {
			t.Errorf("it was dropped after %s, want %s", silent, protocol.DeadAfter)
		}
		synctest.Wait()
		if n := r.hub.Count(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestServe_AnyWordIsASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		b := r.dial("a")
		begin := time.Now()
		for pings := 1; pings <= 30; pings++ { // ten minutes
			m := b.read()
			if m.Type != protocol.TypePing {
				t.Fatalf("got %+v, want a ping", m)
			}
			if at, want := time.Since(begin), time.Duration(pings)*protocol.PingEvery; at != want {
				t.Fatalf("ping %d came after %s, want %s", pings, at, want)
			}
			if pings%2 == 0 { // one lost answer is no death
				b.say(protocol.TypePong, m.ID)
			}
		}
		if n := r.hub.Count(); n != 1 {
			t.Errorf("%d connections live, want 1", n)
		}
	})
}

// A ping would wake an idle box for what its own has said already.
func TestServe_BoxThatSpeaksIsNotPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		b := r.dial("a")
		for range 30 { // ten minutes
			time.Sleep(protocol.PingEvery - time.Second)
			b.say(protocol.TypeDelivered, "m")
			time.Sleep(time.Second)
		}
		r.hub.Send("a", protocol.TypeOffers, nil)
		if m := b.read(); m.Type != protocol.TypeOffers {
			t.Errorf("it was sent a %s", m.Type)
		}
		begin := time.Now()
		if m := b.read(); m.Type != protocol.TypePing || time.Since(begin) > 2*protocol.PingEvery {
			t.Errorf("silent again: %s after %v", m.Type, time.Since(begin))
		}
	})
}

func TestServe_NewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		old := r.dial("a")
		fresh := r.dial("a")
		old.closed(websocket.ClosePolicyViolation, "replaced")
		r.hub.Send("a", protocol.TypeOffers, nil)
		if m := fresh.read(); m.Type != protocol.TypeOffers {
			t.Errorf("the new connection got %+v", m)
		}
		if n := r.hub.Count(); n != 1 {
			t.Errorf("%d connections live, want 1", n)
		}
	})
}

func TestServe_TwoCopiesOfABox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		replace := func(times int, pause time.Duration) {
			for range times {
				old := r.dial("a")
				time.Sleep(pause)
				go func() { _, _, _ = old.ws.ReadMessage() }() // it takes its goodbye
			}
		}
		told := func(want int) {
			t.Helper()
			synctest.Wait()
			if n := len(r.copied); n != want {
				t.Errorf("told %d times, want %d", n, want)
			}
			for range len(r.copied) {
				if device := <-r.copied; device != "a" {
					t.Errorf("told of %q", device)
				}
			}
		}
		replace(1+4, time.Second) // a box on a bad line
		told(0)
		replace(1, time.Second) // the fifth within a minute
		told(1)
		replace(4, time.Second)
		told(0)
		replace(1, time.Second)
		told(1)
		replace(20, 20*time.Second) // never five within a minute
		told(0)
	})
}

func TestSend_SlowReaderIsDroppedAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.dial("slow") // reads nothing more; the pipe holds nothing
		quick := r.dial("quick")
		begin := time.Now()
		for range 20 {
			r.hub.Send("slow", protocol.TypeOffers, nil)
			r.hub.Send("quick", protocol.TypeOffers, nil)
			quick.read()
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("the quick box waited %s", waited)
		}
		time.Sleep(3 * time.Second) // two partings: the goodbye and the box's own
		synctest.Wait()
		if n := r.hub.Count(); n != 1 {
			t.Errorf("%d connections live, want the quick one only", n)
		}
		if _, ok := r.ended.Load("slow"); !ok {
			t.Error("the slow box's connection did not end")
		}
	})
}

func TestServe_FloodIsSlowedAndNotFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard atomic.Int64
		r := newRig(t, func(context.Context, protocol.Message) ([]byte, error) {
			heard.Add(1)
			return nil, nil
		})
		b := r.dial("a")
		other := r.dial("b")
		begin := time.Now()
		for i := range 300 {
			b.say(protocol.TypeStatus, fmt.Sprint(i))
		}
		synctest.Wait()
		// A burst of 200, then 10 a second: the last of 300 is taken after ten seconds.
		if took := time.Since(begin).Round(time.Second); took != 10*time.Second {
			t.Errorf("300 messages were taken in %s, want about 10 s", took)
		}
		time.Sleep(time.Second)
		if n := heard.Load(); n != 300 {
			t.Errorf("%d of 300 messages were handled", n)
		}
		r.hub.Send("b", protocol.TypeOffers, nil)
		if m := other.read(); m.Type != protocol.TypeOffers {
			t.Errorf("the other box got %+v", m)
		}
		if n := r.hub.Count(); n != 2 {
			t.Errorf("%d connections live, want 2", n)
		}
	})
}

func TestServe_EndsAsTheHandlerSays(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		code   int
		reason string
	}{
		"refused": {hub.Refuse(protocol.CodeDeviceRevoked), websocket.ClosePolicyViolation, "device_revoked"},
		"broken":  {errors.New("no database"), websocket.CloseInternalServerErr, "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(context.Context, protocol.Message) ([]byte, error) { return nil, tc.err })
				b := r.dial("a")
				b.say(protocol.TypeStatus, "1")
				b.closed(tc.code, tc.reason)
			})
		})
	}
}

func TestClose_ReachesTheBoxAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		b := r.dial("a")
		begin := time.Now()
		r.hub.Close("a", protocol.CodeDeviceRevoked)
		r.hub.Close("nobody", protocol.CodeDeviceRevoked)
		b.closed(websocket.ClosePolicyViolation, "device_revoked")
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it took %s", waited)
		}
	})
}

func TestShutdown_DrainsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		working, finish := make(chan struct{}), make(chan struct{})
		r := newRig(t, func(context.Context, protocol.Message) ([]byte, error) {
			close(working)
			<-finish
			return nil, nil
		})
		busy, idle := r.dial("busy"), r.dial("idle")
		busy.say(protocol.TypeHeard, "1")
		<-working
		done := make(chan error, 1)
		go func() { done <- r.hub.Shutdown(t.Context()) }()
		idle.closed(websocket.CloseGoingAway, "")
		busy.closed(websocket.CloseGoingAway, "")
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it did not wait for a message in work: %v", err)
		default:
		}
		close(finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.knock("late").closed(websocket.CloseGoingAway, "")
		synctest.Wait()
		if why, _ := r.ended.Load("late"); why != hub.ErrClosed.Error() {
			t.Errorf("the late box's connection ended with %v", why)
		}
	})
}

func TestShutdown_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		working, finish := make(chan struct{}), make(chan struct{})
		r := newRig(t, func(context.Context, protocol.Message) ([]byte, error) {
			close(working)
			<-finish
			return nil, nil
		})
		b := r.dial("a")
		b.say(protocol.TypeHeard, "1")
		<-working
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.hub.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that it gave up", err)
		}
		close(finish)
	})
}

func TestHub_TwoThousandBoxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const boxes = 2000
		r := newRig(t, nil)
		all := make([]box, boxes)
		for i := range all {
			all[i] = r.dial(fmt.Sprint(i))
		}
		if n := r.hub.Count(); n != boxes {
			t.Fatalf("%d connections live, want %d", n, boxes)
		}
		for i := range all {
			r.hub.Send(fmt.Sprint(i), protocol.TypeOffers, nil)
		}
		for i, b := range all {
			if m := b.read(); m.Type != protocol.TypeOffers {
				t.Fatalf("box %d got %+v", i, m)
			}
		}
		told := make(chan error, 1)
		go func() { told <- r.hub.Shutdown(t.Context()) }()
		for _, b := range all {
			b.closed(websocket.CloseGoingAway, "")
		}
		if err := <-told; err != nil {
			t.Error(err)
		}
	})
}
