// Package world runs illumi's real programs as processes on the loopback
// interface, for the demo and for tests of both halves together. A World ends
// everything that it began, whatever happens to the one who made it.
package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// stopTime is how long a program may take to end in order.
const stopTime = 15 * time.Second

// Options of a World.
type Options struct {
	// Bin is the folder with illumi-server and illumi-agent.
	Bin string
	// Dir keeps data and logs; empty: a temporary one that Close removes.
	Dir string
	// DB is the server's --db; empty: SQLite in Dir.
	DB string
	// Mail is the server's --mail; empty: log.
	Mail string
	// LogLevel of the server; empty: info.
	LogLevel string
	// Serve are further flags of the server.
	Serve []string
}

// World is a folder, a server and boxes. Close it.
type World struct {
	opt  Options
	dir  string
	own  bool
	port int

	mu      sync.Mutex
	running map[*Process]bool
	stopped bool

	server *Process
}

// New makes a World in which nothing runs yet.
func New(o Options) (*World, error) {
	bin, err := filepath.Abs(o.Bin)
	if err != nil {
		return nil, fmt.Errorf("find the programs: %w", err)
	}
	o.Bin = bin
	for _, name := range []string{"illumi-server", "illumi-agent"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("%s is not built; type scripts/build: %w", name, err)
		}
	}
	w := &World{opt: o, dir: o.Dir, running: map[*Process]bool{}}
	if w.dir == "" {
		if w.dir, err = os.MkdirTemp("", "illumi-"); err != nil {
			return nil, fmt.Errorf("make a temporary folder: %w", err)
		}
		w.own = true
	}
	if err := os.MkdirAll(filepath.Join(w.dir, "logs"), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("make the folder for logs: %w", err), w.Close())
	}
	if w.port, err = FreePort(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close ends every program, boxes before the server, and removes a temporary
// folder. A program that does not end in order is killed; that is an error.
func (w *World) Close() error {
	w.mu.Lock()
	w.stopped = true
	var boxes []*Process
	for p := range w.running {
		if p != w.server {
			boxes = append(boxes, p)
		}
	}
	server := w.server
	w.mu.Unlock()

	var mu sync.Mutex
	var errs []error
	stop := func(p *Process) {
		if !p.Running() {
			return
		}
		if err := p.Stop(stopTime); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
	}
	waitAll(boxes, stop)
	if server != nil {
		stop(server)
	}
	if w.own {
		if err := os.RemoveAll(w.dir); err != nil {
			errs = append(errs, fmt.Errorf("remove the temporary folder: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Dir is the folder of everything that this world keeps.
func (w *World) Dir() string { return w.dir }

// Data is the server's data directory.
func (w *World) Data() string { return filepath.Join(w.dir, "server") }

// BoxDir is the state directory of a box's agent.
func (w *World) BoxDir(name string) string { return filepath.Join(w.dir, "boxes", fileName(name)) }

// URL is the server's address.
func (w *World) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", w.port) }

// Addr is the server's address as host:port.
func (w *World) Addr() string { return fmt.Sprintf("127.0.0.1:%d", w.port) }

// Logs is the end of what every program said, for a failure's report.
func (w *World) Logs(each int64) string {
	files, err := filepath.Glob(filepath.Join(w.dir, "logs", "*.log"))
	if err != nil {
		return err.Error()
	}
	slices.Sort(files)
	var b strings.Builder
	for _, f := range files {
		if text := tail(f, each); text != "" {
			fmt.Fprintf(&b, "--- %s\n%s\n", filepath.Base(f), text)
		}
	}
	return b.String()
}

func (w *World) program(name string) string { return filepath.Join(w.opt.Bin, name) }

// environment is ours without settings that would change a program's.
func (w *World) environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ILLUMI_") })
}

// FreePort finds a port that nobody listens on now. It lies below the range
// that the kernel gives to outgoing connections, so that none takes it while
// a server is down for a moment.
func FreePort() (int, error) {
	for range 200 {
		port := 18000 + rand.IntN(14000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		return port, nil
	}
	return 0, errors.New("no free port was found on 127.0.0.1")
}

// fileName makes a name of people safe for a path.
func fileName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "_%x", r)
		}
	}
	return b.String()
}

// Port is the server's, on the loopback interface.
func (w *World) Port() int { return w.port }
