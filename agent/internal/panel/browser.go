package panel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"illumi/agent/internal/flow"
)

// PageOptions say what a Browser shows and where what people send goes.
type PageOptions struct {
	// Name of the box.
	Name string
	// Buttons is 1, 2 or 3.
	Buttons int
	// Own says that the page begins with the person's own voice and camera.
	Own bool
	// Choose is told whether answers and photos come from the page from now on.
	Choose func(sound, picture bool)
	// Sound takes a piece of an answer: 16-bit little-endian mono at rate.
	Sound func(ctx context.Context, rate int, pcm []byte, last bool) error
	// Picture takes a photo as a file.
	Picture func(io.Reader) error
}

// Browser is a box as a page on this machine: lights, picture and buttons,
// and the ears and eyes of the computer it is shown on. It is reachable only
// over loopback, by whoever knows its address.
type Browser struct {
	opts   PageOptions
	in     inputs
	token  string
	host   string
	server *http.Server
	stop   context.CancelFunc
	ended  chan error
	linger time.Duration

	mu      sync.Mutex
	view    View
	lamps   flow.Lamps
	voice   float64
	red     bool
	ask     string
	sounds  []offered // what is being played, oldest first
	picture offered
	files   map[string]file
	pages   map[chan struct{}]bool
	down    map[flow.Button]bool
	closed  bool
}

// offered is something that the page may fetch.
type offered struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// file is what an offer's id stands for: bytes, or a path.
type file struct {
	kind  string
	data  []byte
	path  string
	until time.Time // zero: still offered
}

func (f file) gone(now time.Time) bool { return !f.until.IsZero() && now.After(f.until) }

// NewBrowser serves a page for a box on the listener, which must be on
// loopback and is closed by Close. It runs until then.
func NewBrowser(l net.Listener, opts PageOptions) (*Browser, error) {
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("the box's page is for this machine only, not for %s; listen on 127.0.0.1", l.Addr())
	}
	if opts.Buttons < 1 || opts.Buttons > 3 {
		return nil, fmt.Errorf("a box has one to three buttons, not %d", opts.Buttons)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Browser{opts: opts, in: newInputs(), token: rand.Text(), host: addr.String(), stop: cancel, linger: linger,
		ended: make(chan error, 1), files: map[string]file{}, pages: map[chan struct{}]bool{}, down: map[flow.Button]bool{}}
	b.lamps.Main = flow.LightOff
	b.server = &http.Server{
		Handler:           b.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// Streams end when the panel is closed, not when their page is.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() { b.ended <- b.server.Serve(l) }()
	return b, nil
}

// URL is the page's address; knowing it is the permission to use it.
func (b *Browser) URL() string { return "http://" + b.host + "/" + b.token + "/" }

// Inputs gives the presses made on the page.
func (b *Browser) Inputs() <-chan Input { return b.in.c }

// Show sets the lights on all open pages.
func (b *Browser) Show(l flow.Lamps, voice float64) {
	b.change(func() { b.lamps, b.voice = l, voice })
}

// Recording sets the red light.
func (b *Browser) Recording(on bool) { b.change(func() { b.red = on }) }

// Ask tells the page what the box wants of it: "listen", "speak", "picture",
// or nothing.
func (b *Browser) Ask(what string) { b.change(func() { b.ask = what }) }

// Update sets what stands beside the lights.
func (b *Browser) Update(v View) {
	b.change(func() {
		if v.Picture != b.view.Picture {
			b.endLocked(b.picture)
			b.picture = offered{}
			if v.Picture != "" {
				b.picture = b.offerLocked(v.Words, file{path: v.Picture})
			}
		}
		b.view = v
	})
}

// linger is how long something withdrawn can still be fetched: a page that was
// just told of it may be asking for it.
const linger = 2 * time.Second

// Offer lets the page play a WAV file, until shortly after the function it
// gives back is called.
func (b *Browser) Offer(title string, wav []byte) (withdraw func()) {
	var o offered
	b.change(func() {
		o = b.offerLocked(title, file{kind: "audio/wav", data: wav})
		b.sounds = append(b.sounds, o)
	})
	return func() {
		b.change(func() {
			b.endLocked(o)
			for i, s := range b.sounds {
				if s.ID == o.ID {
					b.sounds = append(b.sounds[:i:i], b.sounds[i+1:]...)
					break
				}
			}
		})
	}
}

// endLocked withdraws something, and forgets what was withdrawn before.
func (b *Browser) endLocked(o offered) {
	now := time.Now()
	for id, f := range b.files {
		if id == o.ID {
			f.until = now.Add(b.linger)
			b.files[id] = f
		} else if f.gone(now) {
			delete(b.files, id)
		}
	}
}

func (b *Browser) offerLocked(title string, f file) offered {
	o := offered{ID: rand.Text(), Title: title}
	b.files[o.ID] = f
	return o
}

// change does something under the lock and lets every page know.
func (b *Browser) change(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
	for c := range b.pages {
		select {
		case c <- struct{}{}:
		default: // it knows already that something changed
		}
	}
}

// push gives a button's change to the daemon. A page may repeat itself, the
// daemon sees each change once.
func (b *Browser) push(button flow.Button, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.down[button] == down {
		return
	}
	if b.in.put(Input{Button: button, Down: down, At: time.Now()}) {
		b.down[button] = down
	}
}

// join and leave count the open pages. With the last of them every button is
// let go, as nobody is there to hold it, and answers no longer come from here.
func (b *Browser) join() chan struct{} {
	c := make(chan struct{}, 1)
	c <- struct{}{} // the first view is due at once
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages[c] = true
	return c
}

func (b *Browser) leave(c chan struct{}) {
	b.mu.Lock()
	delete(b.pages, c)
	last := len(b.pages) == 0
	b.mu.Unlock()
	if !last {
		return
	}
	for button := range flow.Button(3) {
		b.push(button+1, false)
	}
	if b.opts.Choose != nil {
		b.opts.Choose(false, false)
	}
}

// openOffer gives an offer's content and type, or os.ErrNotExist.
func (b *Browser) openOffer(id string) (io.ReadSeekCloser, string, error) {
	b.mu.Lock()
	f, ok := b.files[id]
	b.mu.Unlock()
	if !ok || f.gone(time.Now()) {
		return nil, "", os.ErrNotExist
	}
	if f.path == "" {
		return newBytesFile(f.data), f.kind, nil
	}
	o, err := os.Open(filepath.Clean(f.path))
	if err != nil {
		return nil, "", fmt.Errorf("open picture: %w", err)
	}
	var head [512]byte
	n, err := io.ReadFull(o, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, "", errors.Join(fmt.Errorf("read picture: %w", err), o.Close())
	}
	kind := http.DetectContentType(head[:n])
	switch kind {
	case "image/jpeg", "image/png", "image/webp", "image/gif":
	default: // nothing that could be a page of its own
		return nil, "", errors.Join(os.ErrNotExist, o.Close())
	}
	if _, err := o.Seek(0, io.SeekStart); err != nil {
		return nil, "", errors.Join(fmt.Errorf("read picture: %w", err), o.Close())
	}
	return o, kind, nil
}

// Close ends the page and waits for it, at most two seconds.
func (b *Browser) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	close(b.in.done)
	close(b.in.c)
	b.mu.Unlock()
	b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := b.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = b.server.Close()
	}
	if serr := <-b.ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	if err != nil {
		return fmt.Errorf("close the box's page: %w", err)
	}
	return nil
}
