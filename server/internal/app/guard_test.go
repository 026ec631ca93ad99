package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/store"
	"illumi/server/internal/web"
)

// pipes is a listener on connections in memory, whose deadlines follow a
// synctest bubble's clock.
type pipes struct {
	conns chan net.Conn
	end   chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.end) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// guarded serves one handler behind bounds and returns a connection to it.
func guarded(t *testing.T, h echo.HandlerFunc) net.Conn {
	t.Helper()
	e := echo.New()
	e.Use(bounds(waits{}))
	e.POST("/x", h)
	p := &pipes{conns: make(chan net.Conn), end: make(chan struct{})}
	srv := &http.Server{Handler: e}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(p) }()
	ours, theirs := net.Pipe()
	p.conns <- theirs
	t.Cleanup(func() {
		if err := errors.Join(ours.Close(), srv.Close()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return ours
}

func TestBounds_BodyThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		conn := guarded(t, func(c echo.Context) error {
			_, err := io.ReadAll(c.Request().Body)
			read <- err
			return err
		})
		var both sync.WaitGroup
		defer func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			both.Wait()
		}()
		begin := time.Now()
		both.Go(func() {
			// A byte a second, for as long as somebody takes it.
			_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			for ; err == nil; time.Sleep(time.Second) {
				_, err = conn.Write([]byte("x"))
			}
		})
		both.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // ends with the connection
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the body ended with %v", err)
		}
		if took := time.Since(begin); took != bodyWait {
			t.Errorf("it was waited for %s, want %s", took, bodyWait)
		}
	})
}

// A slow handler is not a slow client.
func TestBounds_HandlerMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := guarded(t, func(c echo.Context) error {
			if _, err := io.ReadAll(c.Request().Body); err != nil {
				return err
			}
			select {
			case <-time.After(10 * bodyWait):
			case <-c.Request().Context().Done():
				return c.Request().Context().Err()
			}
			return c.String(http.StatusOK, "done")
		})
		if _, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), "200 OK") {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

func TestBounds_ReaderThatStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := make(chan error, 1)
		conn := guarded(t, func(c echo.Context) error {
			var err error
			for part := make([]byte, 32<<10); err == nil; {
				_, err = c.Response().Write(part)
			}
			written <- err
			return err
		})
		if _, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// A slow reader that moves is served for hours; one that stops is not.
		begin := time.Now()
		for range 100 {
			if _, err := io.ReadFull(conn, make([]byte, 32<<10)); err != nil {
				t.Fatalf("after %s: %v", time.Since(begin), err)
			}
			time.Sleep(partWait / 2)
		}
		stopped := time.Now()
		if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing ended with %v", err)
		}
		if took := time.Since(stopped); took > partWait {
			t.Errorf("it was waited for %s, want at most %s", took, partWait)
		}
	})
}

// raw sends the beginning of a request and returns the connection.
func (r *rig) raw(head string) net.Conn {
	r.t.Helper()
	conn := must(net.Dial("tcp", r.addr))(r.t)
	r.t.Cleanup(func() { _ = conn.Close() }) // mostly closed before
	must(io.WriteString(conn, head+"\r\nHost: "+r.addr+"\r\n"))(r.t)
	must(0, conn.SetDeadline(time.Now().Add(20*time.Second)))(r.t)
	return conn
}

// Whoever announces bytes and sends none is neither listened to for ever nor
// waited for when the server stops.
func TestBounds_SilentStrangers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.body, c.waits.parting = 300*time.Millisecond, 50*time.Millisecond })
	for _, tc := range []struct{ head, answer string }{
		{"PATCH " + protocol.PathUploads + store.NewID() + " HTTP/1.1", "HTTP/1.1 401"},
		{"POST " + protocol.PathUploads + " HTTP/1.1", "HTTP/1.1 401"},
		{"PATCH " + web.PathUploads + store.NewID() + " HTTP/1.1", "HTTP/1.1 401"},
		{"POST " + web.PathUploads + " HTTP/1.1", "HTTP/1.1 401"},
		{"GET " + web.PathUploads + " HTTP/1.1", "HTTP/1.1 303"},
		{"GET /healthz HTTP/1.1", "HTTP/1.1 200"},
		{"POST " + protocol.PathEnroll + " HTTP/1.1", "HTTP/1.1 422"}, // after the body's time
	} {
		t.Run(tc.head, func(t *testing.T) {
			conn := r.raw(tc.head)
			must(io.WriteString(conn, "Content-Length: 1000\r\nTus-Resumable: 1.0.0\r\n\r\n"))(t)
			answer, err := io.ReadAll(conn) // ends when the server closes
			if err != nil || !strings.HasPrefix(string(answer), tc.answer) || !strings.Contains(string(answer), "\r\nConnection: close\r\n") {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}

func TestServe_StopsWithSilentStrangers(t *testing.T) {
	r := newRig(t)
	for _, at := range []string{protocol.PathUploads, web.PathUploads} {
		conn := r.raw("POST " + at + " HTTP/1.1")
		must(io.WriteString(conn, "Content-Length: 1000\r\n\r\n"))(t)
		must(io.ReadFull(conn, make([]byte, 12)))(t) // its refusal has begun
	}
	begin := time.Now()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > graceTime/2 {
		t.Errorf("stopping took %s", took)
	}
}

// The bound of strangers is not that of an upload under way.
func TestBounds_AcceptedUploadsMayTakeLonger(t *testing.T) {
	r := newRig(t, func(c *Config) { c.waits.body, c.waits.parting = 50*time.Millisecond, 50*time.Millisecond })
	b := r.enrol("slow")
	data := wav(1, 440)
	begun := b.with("Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(data)), "Upload-Metadata",
		"role "+base64.StdEncoding.EncodeToString([]byte("audio"))+",sha256 "+base64.StdEncoding.EncodeToString([]byte(digest(data)))).
		do("POST", protocol.PathUploads, nil)
	conn := r.raw("PATCH " + begun.header.Get("Location") + " HTTP/1.1")
	must(fmt.Fprintf(conn, "Authorization: %s\r\n%s: %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"+
		"Content-Type: application/offset+octet-stream\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
		b.header.Get("Authorization"), protocol.HeaderBoard, b.header.Get(protocol.HeaderBoard), len(data)))(t)
	must(conn.Write(data[:1000]))(t)
	time.Sleep(4 * r.cfg.waits.body) // real time: the deadline is the kernel's
	must(conn.Write(data[1000:]))(t)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 204") {
		t.Errorf("%q, %v", answer, err)
	}
}

// A line is timed with more than a small body.
func TestBounds_SpeedOfALine(t *testing.T) {
	b := newRig(t).enrol("far away")
	answer := b.do("POST", protocol.PathSpeed, protocol.SpeedBytes())
	if want := fmt.Sprintf(`{"received":%d}`, protocol.SpeedSize); answer.status != http.StatusOK || strings.TrimSpace(string(answer.body)) != want {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if answer = b.do("POST", protocol.PathSpeed, io.MultiReader(protocol.SpeedBytes(), strings.NewReader("x"))); answer.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a byte more: %d %s", answer.status, answer.body)
	}
}
