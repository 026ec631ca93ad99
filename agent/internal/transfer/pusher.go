package transfer

import (
	"cmp"
	"context"
	"errors"
	"time"

	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// hourly is how often the box knocks where it was refused (people.md E_AUTH).
const hourly = time.Hour

// PusherOptions are what a Pusher works with. Client and Spool are needed.
type PusherOptions struct {
	Client *Client
	Spool  *spool.Spool
	// Acked is told once the receipt is on the disk.
	Acked func(spool.Item, protocol.Receipt)
	// Failed is told of each failed attempt; the item is tried again.
	Failed func(spool.Item, error)
	// Damaged is told of a reply that had to be set aside.
	Damaged func(spool.Damaged)
	// Backoff of one item; nil is 10 s to 1 h, for ever.
	Backoff func() *retry.Backoff
}

// Pusher brings every sealed reply to the server, oldest first, until its
// receipt is kept. An item that fails waits by itself and holds up no other.
type Pusher struct {
	o    PusherOptions
	wake chan struct{}
}

// NewPusher makes a pusher.
func NewPusher(o PusherOptions) *Pusher {
	if o.Acked == nil {
		o.Acked = func(spool.Item, protocol.Receipt) {}
	}
	if o.Failed == nil {
		o.Failed = func(spool.Item, error) {}
	}
	if o.Damaged == nil {
		o.Damaged = func(spool.Damaged) {}
	}
	if o.Backoff == nil {
		o.Backoff = func() *retry.Backoff { return &retry.Backoff{Min: 10 * time.Second, Max: time.Hour} }
	}
	return &Pusher{o: o, wake: make(chan struct{}, 1)}
}

// Wake makes every waiting item due now: the network or the server is back.
func (p *Pusher) Wake() { signal(p.wake) }

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// push is an item on its way.
type push struct {
	item     spool.Item
	verified bool
	due      time.Time
	backoff  *retry.Backoff
	reached  progress
}

// Run pushes until ctx ends and returns its cause, or the error of a spool that
// cannot be read any more.
func (p *Pusher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	items, ended := make(chan spool.Item), make(chan struct{})
	go func() {
		defer close(ended)
		cancel(p.o.Spool.Watch(ctx, items, p.o.Damaged))
	}()
	waiting := map[string]*push{}
	for p.runOnce(ctx, items, waiting) {
	}
	cancel(nil)
	<-ended
	return context.Cause(ctx)
}

// runOnce pushes the oldest item that is due, or waits for something to do. It
// reports false once ctx has ended.
func (p *Pusher) runOnce(ctx context.Context, items <-chan spool.Item, waiting map[string]*push) bool {
	next, wait := oldestDue(waiting, time.Now())
	if next == nil {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case it := <-items:
			waiting[it.ID] = &push{item: it, backoff: p.o.Backoff()}
		case <-p.wake:
			for _, w := range waiting {
				w.due = time.Time{}
				w.backoff.Reset()
			}
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
		return true
	}
	done, err := p.pushOne(ctx, next)
	switch {
	case ctx.Err() != nil:
		return false
	case done:
		delete(waiting, next.item.ID)
		return true
	case IsAuth(err) || IsRefused(err):
		next.due = time.Now().Add(hourly)
	default:
		next.due = time.Now().Add(next.reached.pause(err, next.backoff))
	}
	p.o.Failed(next.item, err)
	return true
}

// oldestDue picks what was sealed first among what is due, or says how long
// nothing will be.
func oldestDue(waiting map[string]*push, now time.Time) (next *push, wait time.Duration) {
	wait = hourly
	for _, w := range waiting {
		if left := w.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if next == nil || cmp.Or(cmp.Compare(w.item.Seq, next.item.Seq), cmp.Compare(w.item.ID, next.item.ID)) < 0 {
			next = w
		}
	}
	return next, wait
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// pushOne reports done when there is nothing left to do for the item: it was
// sent, taken back, or set aside.
func (p *Pusher) pushOne(ctx context.Context, w *push) (done bool, err error) {
	if !w.verified {
		err = p.o.Spool.Verify(w.item)
		w.verified = err == nil
	}
	var r protocol.Receipt
	if err == nil {
		r, err = p.o.Client.Push(ctx, p.o.Spool, w.item)
	}
	switch {
	case err == nil:
		p.o.Acked(w.item, r)
		return true, nil
	case errors.Is(err, spool.ErrUnknown):
		return true, nil // taken back meanwhile
	case errors.Is(err, spool.ErrDamaged):
		d, err := p.o.Spool.Quarantine(w.item, err.Error())
		if err != nil {
			return false, err
		}
		p.o.Damaged(d)
		return true, nil
	}
	return false, err
}

// Push brings one sealed reply to the server and keeps the receipt. Whatever
// was done before, by this process or an earlier one, is not done again.
func (c *Client) Push(ctx context.Context, s *spool.Spool, it spool.Item) (protocol.Receipt, error) {
	var none protocol.Receipt
	uploads, err := s.Uploads(it.ID)
	if err != nil {
		return none, err
	}
	for again := false; ; again = true {
		for _, f := range it.Files {
			id, err := c.Upload(ctx, s, it, f)
			if err != nil {
				return none, err
			}
			uploads[f.SHA256] = spool.Upload{ID: id, Done: true}
		}
		// From here on no answer does not mean that the server has no reply.
		if err := s.MarkPut(it.ID); err != nil {
			return none, err
		}
		r, err := c.PutReply(ctx, it.Hop, it.Reply(uploads))
		if err == nil {
			return r, s.Sent(it.ID, r)
		}
		problem, ok := errors.AsType[*protocol.Problem](err)
		if again || !ok || problem.Code != protocol.CodeUploadUnknown && problem.Code != protocol.CodeDigestMismatch {
			return none, err
		}
		// The server no longer has the bytes, or never had the right ones.
		if err := s.Verify(it); err != nil {
			return none, err
		}
		clear(uploads)
		if err := s.SaveUploads(it.ID, uploads); err != nil {
			return none, err
		}
	}
}
