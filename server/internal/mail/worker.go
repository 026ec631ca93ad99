package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"illumi/server/internal/model"
)

// How a mail is retried: after 1 min, then twice as long each time up to 6 h,
// until it is 72 h old.
const (
	firstRetry = time.Minute
	lastRetry  = 6 * time.Hour
	giveUp     = 72 * time.Hour
	// leaseFor must outlast sendTimeout, or two workers send the same mail.
	leaseFor   = 5 * time.Minute
	recordTime = 10 * time.Second
	pollEvery  = 30 * time.Second
)

// Queue is the table of mails inside one transaction.
type Queue interface {
	// LeaseMail gives the oldest due mail to one worker until a time.
	LeaseMail(ctx context.Context, now, until time.Time, worker string) (*model.Mail, bool, error)
	MailDone(ctx context.Context, id string, at time.Time) error
	MailRetry(ctx context.Context, id string, attempts int, next time.Time, reason string) error
	MailFailed(ctx context.Context, id string, attempts int, reason string) error
}

// Worker sends queued mails, one at a time. A mail is sent first and recorded
// second: a crash between the two sends it once more, under the same Message-ID.
type Worker struct {
	// Tx runs a function in a write transaction, which may run it again.
	Tx     func(ctx context.Context, fn func(Queue) error) error
	Sender Sender
	// Wake, if not nil, says that a mail was queued. It is a hint: due mails are
	// looked for every 30 s anyway.
	Wake <-chan struct{}
	// Changed, if not nil, is called after a mail's state was stored.
	Changed func(ctx context.Context, m model.Mail)
	Log     *slog.Logger
	// Name tells workers of several servers apart.
	Name string
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Run sends until ctx ends and returns nil then. A delivery that is under way
// is cut off and its mail stays queued.
func (w *Worker) Run(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		worked, err := w.RunOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.Log.Warn("the mail queue cannot be worked on", "err", err)
		}
		if worked && err == nil {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Wake:
		case <-poll.C:
		}
	}
}

// RunOnce sends at most one due mail and stores what became of it. worked says
// that one was due. The error is about the queue; a delivery that failed is no
// error, but a state of the mail.
func (w *Worker) RunOnce(ctx context.Context) (worked bool, err error) {
	var m *model.Mail
	now := w.now()
	err = w.Tx(ctx, func(q Queue) error {
		m = nil
		due, ok, err := q.LeaseMail(ctx, now, now.Add(leaseFor), w.Name)
		if ok {
			m = due
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lease a mail: %w", err)
	}
	if m == nil {
		return false, nil
	}

	sent := w.Sender.Send(ctx, *m)
	// Stored even when the server is stopping: a mail that was sent and not
	// recorded is sent twice.
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	w.judge(ctx, m, sent)
	err = w.Tx(record, func(q Queue) error {
		switch m.State {
		case model.MailSent:
			return q.MailDone(record, m.ID, m.SentAt)
		case model.MailFailed:
			return q.MailFailed(record, m.ID, m.Attempts, m.LastError)
		default:
			return q.MailRetry(record, m.ID, m.Attempts, m.NextAt, m.LastError)
		}
	})
	if err != nil {
		return true, fmt.Errorf("store the state of mail %s (%s): %w", m.ID, m.State, err)
	}
	if w.Changed != nil {
		w.Changed(record, *m)
	}
	return true, nil
}

// judge turns a delivery's outcome into the mail's next state.
func (w *Worker) judge(ctx context.Context, m *model.Mail, sent error) {
	now := w.now()
	if sent == nil {
		m.State, m.SentAt, m.LastError = model.MailSent, now, ""
		return
	}
	if ctx.Err() != nil {
		// We stopped it: no fault of the mail, so it is due at once.
		m.State, m.NextAt = model.MailQueued, now
		return
	}
	m.Attempts++
	m.LastError = oneLine(sent.Error(), maxReason)
	next := now.Add(retryAfter(m.Attempts))
	if errors.Is(sent, ErrPermanent) || next.Sub(m.CreatedAt) > giveUp {
		m.State = model.MailFailed
		return
	}
	m.State, m.NextAt = model.MailQueued, next
}

// retryAfter is the pause after the n-th failed attempt, with up to a tenth
// more, so that mails do not march in step.
func retryAfter(n int) time.Duration {
	pause := lastRetry
	if shift := n - 1; shift < 9 { // 2^9 min is beyond 6 h
		pause = min(firstRetry<<max(shift, 0), lastRetry)
	}
	return pause + rand.N(pause/10)
}

func (w *Worker) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}
