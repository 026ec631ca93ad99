package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
)

func TestLink_TellsWhatTheServerSays(t *testing.T) {
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		p := <-w.peers
		defer p.close()
		p.greet()
		if h := expect(t, l, Up); h.Welcome.Name != "janeeyre" || h.Settings == nil || h.Settings.Volume != 2 {
			t.Errorf("welcome %+v", h)
		}
		if !l.Up() {
			t.Error("not up")
		}
		ref := protocol.HopRef{Hop: "01930d5e-7c1a-7000-8000-00000000a001", Epoch: 2}
		p.say(protocol.TypeOffers, nil)
		expect(t, l, Offers)
		p.say(protocol.TypeRecall, ref)
		if h := expect(t, l, Recall); h.Ref != ref {
			t.Errorf("recall %+v", h)
		}
		p.say(protocol.TypeRemind, ref)
		if h := expect(t, l, Remind); h.Ref != ref {
			t.Errorf("remind %+v", h)
		}
		p.say(protocol.TypePause, nil)
		expect(t, l, Pause)
		p.say(protocol.TypeResume, nil)
		expect(t, l, Resume)
		p.say(protocol.TypeSettings, welcome.Settings)
		if h := expect(t, l, Settings); h.Settings.Volume != 2 {
			t.Errorf("settings %+v", h)
		}
		p.say(protocol.TypeNotice, protocol.NoticeText{Text: "Hello."})
		if h := expect(t, l, Notice); h.Text != "Hello." {
			t.Errorf("notice %+v", h)
		}
		// What makes no sense and what a later server says is passed over.
		p.say(protocol.TypeRecall, protocol.HopRef{Hop: "x"})
		p.say("dance", map[string]int{"step": 3})
		p.say(protocol.TypeAck, map[string]any{"id": "m-1", "code": "hop_unknown", "later": true})
		if h := expect(t, l, Acked); h.Ack.ID != "m-1" || h.Ack.Code != protocol.CodeHopUnknown {
			t.Errorf("ack %+v", h)
		}
		p.say(protocol.TypePing, nil)
		if m := p.read(); m.Type != protocol.TypePong || m.ID != "s-1" {
			t.Errorf("a ping was answered with %+v", m)
		}
		if err := l.Status(protocol.Status{State: "IDLE"}); err != nil {
			t.Error(err)
		}
		if m := p.read(); m.Type != protocol.TypeStatus {
			t.Errorf("came %s", m.Type)
		}
	})
}

func TestLink_HeartbeatAndSilence(t *testing.T) {
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		p := <-w.peers
		defer p.close()
		p.greet()
		expect(t, l, Up)
		var last time.Time
		for n := range 4 {
			m := p.read()
			if m.Type != protocol.TypePing {
				t.Fatalf("came %s", m.Type)
			}
			if got := time.Since(last); n > 0 && got != 20*time.Second {
				t.Errorf("ping %d after %v", n, got)
			}
			last = time.Now()
			p.answer(protocol.TypePong, m.ID, nil) // then silence
		}
		go func() {
			for {
				if _, _, err := p.conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
		if h := expect(t, l, Down); !errors.Is(h.Err, ErrSilent) {
			t.Errorf("down by %v, want ErrSilent", h.Err)
		}
		if got := time.Since(last); got != 60*time.Second {
			t.Errorf("dead after %v, want 60 s from the last word", got)
		}
		if l.Up() {
			t.Error("still up")
		}
	})
}

func TestLink_ControlPingsCountAsLife(t *testing.T) {
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		p := <-w.peers
		defer p.close()
		p.greet()
		expect(t, l, Up)
		go func() {
			for {
				if _, _, err := p.conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
		for range 5 {
			time.Sleep(50 * time.Second)
			if err := p.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		p.say(protocol.TypeOffers, nil)
		expect(t, l, Offers)
	})
}

func TestLink_ComesBackWithGrowingWaits(t *testing.T) {
	world(t, func(_ *Options, w *wire) {
		w.refuse = func(rw http.ResponseWriter, _ *http.Request) bool {
			http.Error(rw, "oh", http.StatusServiceUnavailable)
			return true
		}
	}, func(t *testing.T, w *wire, l *Link) {
		last := time.Now()
		for i, want := range []time.Duration{0, 500, 1000, 2000, 4000} {
			expect(t, l, Down)
			if got := time.Since(last); got != want*time.Millisecond {
				t.Errorf("attempt %d after %v, want %v", i+1, got, want*time.Millisecond)
			}
			last = time.Now()
		}
		synctest.Wait()
		w.refuse = nil
		l.Nudge() // the network is back: no waiting
		p := <-w.peers
		if got := time.Since(last); got != 0 {
			t.Errorf("nudged, it came after %v", got)
		}
		p.greet()
		expect(t, l, Up)
		p.close()
		expect(t, l, Down)
		last = time.Now()
		p = <-w.peers
		if got := time.Since(last); got != 500*time.Millisecond {
			t.Errorf("after a welcome it waited %v, want the first wait again", got)
		}
		p.greet()
		expect(t, l, Up)
		p.close()
		expect(t, l, Down)
	})
}

func TestLink_RefusedKnocksHourly(t *testing.T) {
	for _, status := range []int{401, 403} {
		world(t, func(_ *Options, w *wire) {
			w.refuse = func(rw http.ResponseWriter, _ *http.Request) bool {
				rw.Header().Set("Content-Type", protocol.ProblemType)
				rw.WriteHeader(status)
				_ = json.NewEncoder(rw).Encode(protocol.Problem{Status: status, Detail: "This box was revoked.", Code: protocol.CodeDeviceRevoked})
				return true
			}
		}, func(t *testing.T, _ *wire, l *Link) {
			h := expect(t, l, Down)
			refused, ok := errors.AsType[*Refused](h.Err)
			if !ok || refused.Problem.Code != protocol.CodeDeviceRevoked {
				t.Fatalf("down by %v, want Refused", h.Err)
			}
			last := time.Now()
			expect(t, l, Down)
			if got := time.Since(last); got != time.Hour {
				t.Errorf("knocked again after %v", got)
			}
		})
	}
}

func TestLink_NotOurs(t *testing.T) {
	for name, refuse := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"a page": func(rw http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(rw, "<html>")
			return true
		},
		"a redirect": func(rw http.ResponseWriter, r *http.Request) bool {
			http.Redirect(rw, r, "http://127.0.0.1:2/elsewhere", http.StatusFound)
			return true
		},
		"someone's 403": func(rw http.ResponseWriter, _ *http.Request) bool {
			http.Error(rw, "no", http.StatusForbidden)
			return true
		},
		"another protocol": nil,
	} {
		t.Run(name, func(t *testing.T) {
			world(t, func(_ *Options, w *wire) { w.refuse, w.noSub = refuse, refuse == nil }, func(t *testing.T, w *wire, l *Link) {
				if refuse == nil {
					p := <-w.peers
					defer p.close()
				}
				if h := expect(t, l, Down); !errors.Is(h.Err, ErrNotOurs) {
					t.Errorf("down by %v, want ErrNotOurs", h.Err)
				}
			})
		})
	}
}

func TestLink_ClosesWithTheRightCode(t *testing.T) {
	for name, c := range map[string]struct {
		kind  int
		frame []byte
		code  int
		err   error
	}{
		"not UTF-8":    {websocket.TextMessage, []byte("{\"type\":\"offers\",\"id\":\"\xff\"}"), 1007, protocol.ErrNotUTF8},
		"binary":       {websocket.BinaryMessage, []byte(`{"type":"offers","id":"1"}`), 1003, errNotText},
		"no message":   {websocket.TextMessage, []byte(`hello`), 1008, nil},
		"over a limit": {websocket.TextMessage, []byte(strings.Repeat("x", protocol.MaxMessageBytes+1)), 1009, websocket.ErrReadLimit},
	} {
		t.Run(name, func(t *testing.T) {
			world(t, nil, func(t *testing.T, w *wire, l *Link) {
				p := <-w.peers
				defer p.close()
				p.greet()
				expect(t, l, Up)
				got := make(chan int, 1)
				go func() { got <- p.readClose() }()
				_ = p.conn.WriteMessage(c.kind, c.frame) // the link may hang up in the middle of it
				if code := <-got; code != c.code {
					t.Errorf("closed with %d, want %d", code, c.code)
				}
				if h := expect(t, l, Down); c.err != nil && !errors.Is(h.Err, c.err) {
					t.Errorf("down by %v, want %v", h.Err, c.err)
				}
			})
		})
	}
}

func TestLink_WelcomeThatIsNone(t *testing.T) {
	bad := welcome
	bad.Device = "x"
	for name, say := range map[string]func(p *peer){
		"something else first": func(p *peer) { p.say(protocol.TypeOffers, nil) },
		"no device":            func(p *peer) { p.say(protocol.TypeWelcome, bad) },
		"nothing":              func(*peer) {},
	} {
		t.Run(name, func(t *testing.T) {
			world(t, nil, func(t *testing.T, w *wire, l *Link) {
				p := <-w.peers
				defer p.close()
				p.read()
				say(p)
				go p.readClose()
				if h := expect(t, l, Down); h.Err == nil {
					t.Error("down without a reason")
				}
			})
		})
	}
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		p := <-w.peers
		defer p.close()
		p.read()
		odd := welcome
		odd.Settings.Volume = 17
		p.say(protocol.TypeWelcome, odd)
		if h := expect(t, l, Up); h.Settings != nil {
			t.Error("senseless settings were passed on")
		}
	})
}

func TestLink_ProgressIsRepeatedUntilAcked(t *testing.T) {
	var mu sync.Mutex
	pending := []protocol.Message{message(1), message(2)}
	world(t, func(o *Options, _ *wire) {
		o.Pending = func() ([]protocol.Message, error) {
			mu.Lock()
			defer mu.Unlock()
			return append([]protocol.Message(nil), pending...), nil
		}
	}, func(t *testing.T, w *wire, l *Link) {
		if err := l.Progress(message(9)); err != nil { // down: kept by the spool, not here
			t.Error(err)
		}
		p := <-w.peers
		p.greet()
		expect(t, l, Up)
		for n := 1; n <= 2; n++ {
			if m := p.read(); m.ID != message(n).ID || m.Type != protocol.TypeHeard {
				t.Fatalf("place %d: %+v", n, m)
			}
		}
		mu.Lock()
		pending = pending[1:]
		pending = append(pending, message(3))
		mu.Unlock()
		if err := l.Progress(message(3)); err != nil {
			t.Error(err)
		}
		if m := p.read(); m.ID != "m-3" {
			t.Errorf("came %+v", m)
		}
		start := time.Now()
		again := map[string]time.Duration{}
		for len(again) < 2 {
			m := p.read()
			if m.Type == protocol.TypePing {
				p.say(protocol.TypePong, nil)
				continue
			}
			again[m.ID] = time.Since(start)
		}
		for id, took := range again { // with the first ping after a minute
			if took < time.Minute || took > time.Minute+20*time.Second {
				t.Errorf("%s was sent again after %v", id, took)
			}
		}
		p.close()
		expect(t, l, Down)
		p = <-w.peers
		defer p.close()
		p.greet()
		expect(t, l, Up)
		for n := 2; n <= 3; n++ {
			if m := p.read(); m.ID != message(n).ID {
				t.Fatalf("on the new connection: %+v", m)
			}
		}
	})
}

func message(n int) protocol.Message {
	return protocol.Message{Type: protocol.TypeHeard, ID: fmt.Sprintf("m-%d", n), Body: json.RawMessage(`{"hop":"01930d5e-7c1a-7000-8000-00000000a001","epoch":1,"at":"2026-11-20T10:00:00Z"}`)}
}

func TestNew_Addresses(t *testing.T) {
	hello := func() protocol.Hello { return protocol.Hello{} }
	for server, want := range map[string]string{
		"https://example.org":         "wss://example.org" + protocol.PathSocket,
		"https://example.org/illumi/": "wss://example.org/illumi" + protocol.PathSocket,
		"http://127.0.0.1:8080":       "ws://127.0.0.1:8080" + protocol.PathSocket,
		"http://192.168.1.2":          "",
		"https://u:p@example.org":     "",
		"ws://127.0.0.1":              "",
		"":                            "",
	} {
		l, err := New(Options{Server: server, Hello: hello})
		if (err == nil) != (want != "") || err == nil && l.url != want {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := New(Options{Server: "http://192.168.1.2", Hello: hello, Plain: true}); err != nil {
		t.Error(err)
	}
}
