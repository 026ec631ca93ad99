package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"illumi/agent/internal/beat"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// PullerOptions are what a Puller works with. Client and Spool are needed.
type PullerOptions struct {
	Client *Client
	Spool  *spool.Spool
	// ServerID names the server's database; the cursor belongs to it.
	ServerID func() string
	// Arrived is told of a hop once all its files are here and verified. What
	// arrived before a restart is in Spool.Inbox.
	Arrived func(spool.Entry)
	// Closed is told that a hop which had arrived is withdrawn or answered. It
	// may be told twice. The hop's media stay until Spool.Forget.
	Closed func(protocol.Offer)
	// Answered reports that the box has answered an open offer, which the server
	// showed to a question asked at a time; then it is not fetched. Whoever
	// reports so sees to it that the answer goes to the server. nil is never.
	Answered func(o protocol.Offer, asked time.Time) (bool, error)
	// Failed is told of each failure, with the number of attempts for that hop;
	// hop is "" where the server could not be asked at all.
	Failed func(hop string, attempts int, err error)
	// Poll is how often to ask without being woken; 0 is 5 min.
	Poll time.Duration
	// Backoff for asking and for each hop; nil is 2 s to 5 min.
	Backoff func() *retry.Backoff
}

// Puller brings offered whispers to the box. Hints wake it; the server's list
// since the cursor is the truth.
type Puller struct {
	o    PullerOptions
	wake chan struct{}

	all atomic.Bool // ask for everything that waits, not only for changes

	mu      sync.Mutex
	hop     string // being fetched
	recall  context.CancelCauseFunc
	fetches map[string]*fetch // only Run's goroutine
	asking  *retry.Backoff
}

// fetch is a hop that is not yet whole.
type fetch struct {
	due      time.Time
	attempts int
	backoff  *retry.Backoff
	reached  progress
}

var errRecalled = errors.New("the whisper was withdrawn")

// NewPuller makes a puller.
func NewPuller(o PullerOptions) *Puller {
	if o.ServerID == nil {
		o.ServerID = func() string { return "" }
	}
	if o.Arrived == nil {
		o.Arrived = func(spool.Entry) {}
	}
	if o.Closed == nil {
		o.Closed = func(protocol.Offer) {}
	}
	if o.Answered == nil {
		o.Answered = func(protocol.Offer, time.Time) (bool, error) { return false, nil }
	}
	if o.Failed == nil {
		o.Failed = func(string, int, error) {}
	}
	if o.Poll == 0 {
		o.Poll = 5 * time.Minute
	}
	if o.Backoff == nil {
		o.Backoff = func() *retry.Backoff { return &retry.Backoff{Min: 2 * time.Second} }
	}
	p := &Puller{o: o, wake: make(chan struct{}, 1), fetches: map[string]*fetch{}, asking: o.Backoff()}
	p.all.Store(true)
	return p
}

// Wake makes the puller ask now: a hint came, or the network is back.
func (p *Puller) Wake() { signal(p.wake) }

// WakeAll makes the puller ask now for everything that waits as well, as it does
// at its start: the connection is new, and so may be the server's past. A
// cursor that its counter has overtaken would hide what is behind it.
func (p *Puller) WakeAll() {
	p.all.Store(true)
	p.Wake()
}

// Recall stops a download of a hop at once and asks the server what is true.
func (p *Puller) Recall(hop string) {
	p.mu.Lock()
	if p.hop == hop && p.recall != nil {
		p.recall(errRecalled)
	}
	p.mu.Unlock()
	p.Wake()
}

// Run pulls until ctx ends and returns its cause.
func (p *Puller) Run(ctx context.Context) error {
	for {
		wait, err := p.runOnce(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			p.o.Failed("", 1, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-p.wake:
			timer.Stop()
			for _, f := range p.fetches {
				f.due = time.Time{}
			}
		case <-timer.C:
		}
	}
}

// runOnce asks for offers and fetches what is due. It returns how long there
// is nothing to do. What was reserved is fetched even when asking fails.
func (p *Puller) runOnce(ctx context.Context) (wait time.Duration, err error) {
	err = p.ask(ctx)
	wait = beat.Next(p.o.Poll)
	if err != nil {
		wait = max(p.asking.Next(), retryAfter(err))
		if IsAuth(err) {
			return hourly, err
		}
	} else {
		p.asking.Reset()
	}
	next, fetchErr := p.fetchDue(ctx)
	return min(wait, next), errors.Join(err, fetchErr)
}

// maxPages bounds one round of questions, so that a server which never comes to
// an end does not keep the box from fetching.
const maxPages = 50

// ask reserves every change since the cursor, and where need be what waits now.
func (p *Puller) ask(ctx context.Context) error {
	server := p.o.ServerID()
	since, err := p.o.Spool.Cursor(server)
	if err != nil {
		return err
	}
	all := p.all.Swap(false)
	keep := func(cursor string) error {
		if cursor == since {
			return nil // as nearly always: no need to wear the card
		}
		return p.o.Spool.SaveCursor(server, cursor)
	}
	began, err := p.pages(ctx, since, keep)
	if err == nil && all && began != "" {
		_, err = p.pages(ctx, "", func(string) error { return nil })
	}
	if err != nil && all {
		p.all.Store(true)
	}
	return err
}

// pages notes every page from a cursor on, and only then lets it be kept. It
// returns where it began, which is "" where the server does not know the cursor.
func (p *Puller) pages(ctx context.Context, since string, keep func(cursor string) error) (began string, err error) {
	began = since
	for range maxPages {
		asked := time.Now()
		page, err := p.o.Client.Offers(ctx, since)
		if problem, ok := errors.AsType[*protocol.Problem](err); ok && problem.Code == protocol.CodeInvalid && since != "" {
			since, began = "", "" // from the start
			continue
		}
		if err != nil {
			return began, err
		}
		for _, o := range page.Offers {
			if err := p.note(o, asked); err != nil {
				return began, err
			}
		}
		if err := keep(page.Cursor); err != nil {
			return began, err
		}
		if !page.More {
			return began, nil
		}
		if page.Cursor == since {
			return began, fmt.Errorf("ask for offers: %w: the cursor stands still", ErrLied)
		}
		since = page.Cursor
	}
	return began, fmt.Errorf("ask for offers: more than %d pages; the rest comes with the next question", maxPages)
}

// note keeps one change. An offer that makes no sense is told and passed over:
// it must not hide the others.
func (p *Puller) note(o protocol.Offer, asked time.Time) error {
	if err := o.Check(); err != nil {
		p.o.Failed(o.Hop, 1, fmt.Errorf("%w: %w", ErrLied, err))
		return nil
	}
	if o.State == protocol.OfferOpen {
		if answered, err := p.o.Answered(o, asked); err != nil || answered {
			return err
		}
		switch _, err := p.o.Spool.Reserve(o); {
		case errors.Is(err, spool.ErrStale), errors.Is(err, spool.ErrOver):
			return nil
		case errors.Is(err, spool.ErrCrowded):
			p.all.Store(true) // the rest is left for later: the cursor passes it
			return nil
		default:
			return err
		}
	}
	e, known, err := p.o.Spool.CloseOffer(o.Hop, o.Epoch, o.State)
	if err != nil || !known {
		return err
	}
	if !e.Ready {
		return p.o.Spool.Forget(o.Hop) // nobody was told of it
	}
	p.o.Closed(o)
	return nil
}

// fetchDue fetches every hop that is due, in order, and returns when the next
// one is. A wake-up in between ends it early, so that news are heard.
func (p *Puller) fetchDue(ctx context.Context) (wait time.Duration, err error) {
	wait = p.o.Poll
	inbox, err := p.o.Spool.Inbox()
	if err != nil {
		return wait, err
	}
	open := map[string]*fetch{}
	for _, e := range inbox {
		hop := e.Offer.Hop
		if e.Ready || e.Offer.State != protocol.OfferOpen {
			continue
		}
		open[hop] = p.fetches[hop]
		if open[hop] == nil {
			open[hop] = &fetch{backoff: p.o.Backoff()}
		}
	}
	p.fetches = open
	for _, e := range inbox {
		f := open[e.Offer.Hop]
		if f == nil {
			continue
		}
		if left := time.Until(f.due); left > 0 {
			wait = min(wait, left)
			continue
		}
		if len(p.wake) > 0 {
			return 0, nil
		}
		err := p.fetchOne(ctx, e)
		switch {
		case ctx.Err() != nil:
			return wait, nil
		case err == nil:
			delete(open, e.Offer.Hop)
			continue
		case errors.Is(err, errRecalled):
			return 0, nil
		case IsAuth(err):
			return hourly, err
		}
		f.attempts++
		pause := f.reached.pause(err, f.backoff)
		f.due = time.Now().Add(pause)
		wait = min(wait, pause)
		p.o.Failed(e.Offer.Hop, f.attempts, err)
	}
	return wait, nil
}

// fetchOne brings what is missing of one hop.
func (p *Puller) fetchOne(ctx context.Context, e spool.Entry) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.current(e.Offer.Hop, cancel)
	defer p.current("", nil)
	missing, err := p.o.Spool.Missing(e.Offer.Hop)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		// Room is made of what the server already holds; whether it is enough
		// shows when the bytes are written.
		if _, err := p.o.Spool.MakeRoom(); err != nil {
			return err
		}
	}
	for _, f := range missing {
		if err := p.o.Client.Download(ctx, p.o.Spool, e.Offer.Hop, f); err != nil {
			return cause(ctx, err)
		}
	}
	whole, err := p.o.Spool.Complete(e.Offer.Hop, e.Offer.Epoch)
	if errors.Is(err, spool.ErrStale) {
		return errRecalled // offered anew or closed meanwhile
	}
	if err != nil {
		return err
	}
	p.o.Arrived(whole)
	return nil
}

func (p *Puller) current(hop string, cancel context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hop, p.recall = hop, cancel
}
