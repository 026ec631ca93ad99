// Package printer prints a picture and a few words on a thermal printer that
// knows ESC/POS. Printing never waits and never fails the caller: a printer
// without paper, power or cable is the log's business only.
package printer

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/sheet"
)

const (
	// Dots of a line on paper of 58 and of 80 mm, at 203 an inch.
	narrow, wide = 384, 576
	dotsPerInch  = 203
	// waiting is how many pictures may wait for a slow printer.
	waiting = 3
)

// Options say which printer a box has.
type Options struct {
	// Root is put before a device's path, so that a folder can stand in for
	// the machine; "" is the machine.
	Root string
	// Target is a device such as /dev/usb/lp0, "tcp:HOST:9100", or "file:PATH",
	// which holds what was printed last. After a comma each may follow: "80mm"
	// for the wider paper, "columns" for a printer that does not know GS v 0,
	// and "cut" for one that can.
	Target string
	Logger *slog.Logger
}

// Printer is a printer, there or not. Its methods may be called from any
// goroutine.
type Printer struct {
	o            Options
	log          *slog.Logger
	kind, where  string
	dots         int
	columns, cut bool

	patience time.Duration // for one piece
	pause    time.Duration // after each piece
	parting  time.Duration // for what is being printed at Close

	jobs   chan job
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	closed  bool
	trouble error
}

type job struct {
	picture *os.File // may be nil
	words   string
}

// Open begins to wait for pictures. The printer itself is opened for each of
// them, so it may be plugged in at any time.
func Open(o Options) (*Printer, error) {
	p := &Printer{o: o, log: o.Logger, dots: narrow, patience: 5 * time.Second, pause: 30 * time.Millisecond, parting: 2 * time.Second,
		jobs: make(chan job, waiting), done: make(chan struct{})}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if err := p.read(o.Target); err != nil {
		return nil, err
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go p.run()
	return p, nil
}

func (p *Printer) read(target string) error {
	where, rest, _ := strings.Cut(target, ",")
	for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch word {
		case "58mm":
			p.dots = narrow
		case "80mm":
			p.dots = wide
		case "columns":
			p.columns = true
		case "cut":
			p.cut = true
		default:
			return fmt.Errorf("printer: %q is not known; use 58mm, 80mm, columns or cut", word)
		}
	}
	p.kind, p.where = "device", where
	for _, kind := range []string{"tcp", "file"} {
		if rest, ok := strings.CutPrefix(where, kind+":"); ok {
			p.kind, p.where = kind, rest
		}
	}
	switch {
	case p.kind == "tcp":
		if _, port, err := net.SplitHostPort(p.where); err != nil || port == "" {
			return fmt.Errorf("printer: %q is no address; use tcp:HOST:9100", p.where)
		}
	case !filepath.IsAbs(p.where):
		return fmt.Errorf("printer: %q is no device; use /dev/usb/lp0 or tcp:HOST:9100", where)
	}
	return nil
}

// Print prints a picture file and at most six words below it. Either may be
// empty. It does not wait; what goes wrong later is logged, see Problem.
func (p *Printer) Print(path, words string) error {
	j := job{words: words}
	if path != "" {
		var err error
		if j.picture, err = os.Open(path); err != nil {
			return fmt.Errorf("print picture: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.Join(errors.New("print picture: the printer is closed"), j.close())
	}
	select {
	case p.jobs <- j:
		return nil
	default:
		return errors.Join(fmt.Errorf("print picture: %d wait already", waiting), j.close())
	}
}

func (j job) close() error {
	if j.picture == nil {
		return nil
	}
	return j.picture.Close()
}

// Problem says why the printer cannot be used, as far as is known without
// printing; nil where nothing is.
func (p *Printer) Problem() error {
	if p.kind == "device" {
		if _, err := os.Stat(filepath.Join(p.o.Root, p.where)); err != nil {
			return p.explain(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

// Close gives what is being printed two seconds more; what waits is dropped.
func (p *Printer) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.jobs)
	}
	p.mu.Unlock()
	select {
	case <-p.done:
	case <-time.After(p.parting):
		p.cancel()
		<-p.done
	}
	p.cancel()
	return nil
}

func (p *Printer) run() {
	defer close(p.done)
	for j := range p.jobs {
		p.mu.Lock()
		leaving := p.closed
		p.mu.Unlock()
		if leaving {
			_ = j.close() // it was only read
			continue
		}
		err := errors.Join(p.print(j), j.close())
		p.mu.Lock()
		p.trouble = err
		p.mu.Unlock()
		if err != nil {
			p.log.Warn("the picture was not printed", "error", err)
		}
	}
}

func (p *Printer) print(j job) error {
	var picture image.Image
	if j.picture != nil {
		var err error
		if picture, err = media.DecodePicture(j.picture); err != nil {
			return err
		}
	}
	page, err := sheet.Strip(p.dots, dotsPerInch, picture, j.words)
	if err != nil {
		return err
	}
	return p.explain(p.send(dither(page).encode(p.columns, p.cut)))
}

// device takes what is printed, and gives up at a deadline.
type device interface {
	io.WriteCloser
	SetWriteDeadline(time.Time) error
}

func (p *Printer) send(pieces [][]byte) (err error) {
	d, err := p.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	// A printer that waits for paper is left at once when the box stops.
	defer context.AfterFunc(p.ctx, func() { _ = d.SetWriteDeadline(time.Now()) })()
	for _, piece := range pieces {
		if err := d.SetWriteDeadline(time.Now().Add(p.patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return err
		}
		if p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		if _, err := d.Write(piece); err != nil {
			return err
		}
		if p.kind == "file" {
			continue // a disk needs no rest
		}
		select {
		case <-time.After(p.pause):
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
	return nil
}

func (p *Printer) open() (device, error) {
	switch p.kind {
	case "tcp":
		ctx, cancel := context.WithTimeout(p.ctx, p.patience)
		defer cancel()
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.where)
		if err != nil {
			return nil, err
		}
		return c.(*net.TCPConn), nil
	case "file":
		return os.OpenFile(filepath.Join(p.o.Root, p.where), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	// Without waiting, so that a deadline can end a write to a printer that is
	// out of paper.
	return os.OpenFile(filepath.Join(p.o.Root, p.where), os.O_WRONLY|syscall.O_NONBLOCK, 0)
}

// explain says in words what the matter is and what to do.
func (p *Printer) explain(err error) error {
	var text string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		text = "the printer is not plugged in or has no power; check both"
	case errors.Is(err, os.ErrPermission):
		text = "the box may not use the printer; add the agent's user to the group lp"
	case errors.Is(err, syscall.EBUSY):
		text = "another program is using the printer; stop it"
	case errors.Is(err, os.ErrDeadlineExceeded):
		text = "the printer takes nothing more; check its paper and its cover"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, context.DeadlineExceeded):
		text = "the printer does not answer; check its address and its power"
	default:
		text = "the printer does not print; switch it off and on"
	}
	return fmt.Errorf("%s: %w", text, err)
}
