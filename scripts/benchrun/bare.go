package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"illumi/scripts/e2e/world"
)

// bareName is the argument that makes this program the bare server.
const bareName = "bare-server"

// serveBare is the least that a websocket server in Go can be with gorilla's
// defaults: one goroutine a connection, which sends back what comes. It prints
// its address when it can be reached. On the second address it is the least that
// any server in Go can be: a goroutine for each connection, which reads.
func serveBare(ctx context.Context, address, floor string, out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	low, err := net.Listen("tcp", floor)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), l.Close())
	}
	go serveFloor(low)
	upgrader := websocket.Upgrader{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // the client has its answer
		}
		defer ws.Close()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, data) != nil {
				return
			}
		}
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _, _ = srv.Close(), low.Close() }) // nobody's work is lost
	defer stop()
	if _, err := fmt.Fprintln(out, "http://"+l.Addr().String()); err != nil {
		return err
	}
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveFloor reads, until the listener is closed.
func serveFloor(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for one := make([]byte, 1); ; {
				if _, err := c.Read(one); err != nil {
					return
				}
			}
		}()
	}
}

// bareServer is the bare gorilla server as a process.
type bareServer struct {
	cmd   *exec.Cmd
	base  string
	floor string // host:port where it only reads
}

func startBare(ctx context.Context) (*bareServer, error) {
	port, err := world.FreePort()
	if err != nil {
		return nil, err
	}
	low, err := world.FreePort()
	if err != nil {
		return nil, err
	}
	s := &bareServer{base: fmt.Sprintf("http://127.0.0.1:%d", port), floor: fmt.Sprintf("127.0.0.1:%d", low)}
	return s, s.again(ctx)
}

// again starts it, on the same port as before.
func (s *bareServer) again(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s.cmd = exec.CommandContext(ctx, self, bareName, strings.TrimPrefix(s.base, "http://"), s.floor)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start the bare server: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return errors.Join(fmt.Errorf("the bare server did not start: %w", err), s.end())
	}
	return nil
}

// end kills the bare server: it keeps nothing.
func (s *bareServer) end() error {
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed, and says so
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
