package upload

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
)

// body is a request's body that can be ended from outside: by a request that
// takes the upload over, or by the closing server. tusd has the same with a
// race in it (v2.10.0, context.go): ended before it looks at the body, a stalled
// request goes on; ended after, it may disturb the connection's next request.
type body struct {
	io.ReadCloser
	c *call

	mu   sync.Mutex
	why  error // set when it shall end
	over bool  // read to its end, or its request is answered
}

// Read ends with the reason once there is one; what came before is returned.
func (b *body) Read(p []byte) (n int, err error) {
	if b.reason() == nil {
		n, err = b.ReadCloser.Read(p)
		if errors.Is(err, io.EOF) {
			b.end()
		}
		if err == nil || b.reason() == nil {
			return n, err
		}
	}
	why := b.reason()
	if b.c.err == nil {
		b.c.err = why
	}
	// Closed here, with the deadline passed, so that the server does not wait
	// for the rest before it answers.
	if err := b.c.control.SetReadDeadline(time.Now()); err != nil {
		return n, errors.Join(why, err)
	}
	if err := b.Close(); err != nil {
		return n, errors.Join(why, err)
	}
	return n, why
}

func (b *body) reason() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.why
}

// interrupt makes a running or coming Read return why, if the body is not over.
func (b *body) interrupt(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over || b.why != nil {
		return
	}
	b.why = why
	// A connection that cannot set deadlines ends with its next bytes.
	_ = b.c.control.SetReadDeadline(time.Now())
}

func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == nil {
		b.over = true
	}
}

// locker gives tusd one lock an upload; whoever wants it ends the transfer of
// who has it.
type locker struct{ *memorylocker.MemoryLocker }

func (l locker) NewLock(id string) (handler.Lock, error) {
	inner, err := l.MemoryLocker.NewLock(id)
	return lock{inner}, err
}

type lock struct{ inner handler.Lock }

func (l lock) Lock(ctx context.Context, _ func()) error {
	b := callOf(ctx).body
	return l.inner.Lock(ctx, func() { b.interrupt(errTaken) })
}

func (l lock) Unlock() error { return l.inner.Unlock() }
