package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
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
	e.Use(bounds)
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
