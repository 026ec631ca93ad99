package media

import (
	"context"
	"io"
	"sync"
	"time"
)

// seen is how long the red light stays on at least, so that even a photo's
// flash of it is noticed (people.md P16).
const seen = time.Second

// Live is the one way to open a microphone or a camera: it turns the red light
// on before the device is opened and off after it was closed, also when
// opening fails or panics. One Live is shared by all devices of a box.
type Live struct {
	set   func(on bool)
	pace  Pace
	mu    sync.Mutex
	users int
	since time.Time
}

// NewLive gives a Live that drives the light by set, which must be quick and
// is never called twice at once.
func NewLive(pace Pace, set func(on bool)) *Live { return &Live{set: set, pace: pace} }

func (l *Live) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == 0 {
		l.set(true)
		l.since = time.Now()
	}
	l.users++
}

func (l *Live) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	if l.users == 0 {
		l.set(false)
	}
}

// lit waits until the light has been on long enough to be seen.
func (l *Live) lit() {
	l.mu.Lock()
	rest := seen - l.pace.Since(l.since)
	l.mu.Unlock()
	// Bounded by one second, hence not by a context: the caller is closing.
	if err := l.pace.Sleep(context.Background(), rest); err != nil {
		panic(err) // a background context does not end
	}
}

// held is an open device together with its light.
type held[D io.Closer] struct {
	device D
	live   *Live
	once   sync.Once
	err    error
}

// hold opens a device under the red light.
func hold[D io.Closer](l *Live, open func() (D, error)) (*held[D], error) {
	l.enter()
	opened := false
	defer func() {
		if !opened {
			l.leave()
		}
	}()
	d, err := open()
	if err != nil {
		return nil, err
	}
	opened = true
	return &held[D]{device: d, live: l}, nil
}

// Close closes the device and then puts the light out. It may be repeated.
func (h *held[D]) Close() error {
	h.once.Do(func() {
		defer h.live.leave()
		h.err = h.device.Close()
		h.live.lit()
	})
	return h.err
}
