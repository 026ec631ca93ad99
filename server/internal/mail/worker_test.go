package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"illumi/server/internal/model"
)

// table is one row of the queue in memory, with the store's rules of leases.
type table struct {
	mu         sync.Mutex // held by Tx, and by a test that changes the row under a running worker
	row        model.Mail
	leased     time.Time
	failDone   error // the next MailDone fails with it
	failLeases int
}

func (q *table) LeaseMail(_ context.Context, now, until time.Time, _ string) (*model.Mail, bool, error) {
	if q.failLeases > 0 {
		q.failLeases--
		return nil, false, errors.New("database is away")
	}
	if q.row.State != model.MailQueued || q.row.NextAt.After(now) || q.leased.After(now) {
		return nil, false, nil
	}
	q.leased = until
	m := q.row
	return &m, true, nil
}

func (q *table) MailDone(ctx context.Context, id string, at time.Time) error {
	if err := errors.Join(ctx.Err(), q.failDone, q.check(id)); err != nil {
		q.failDone = nil
		return err
	}
	q.row.State, q.row.SentAt, q.leased = model.MailSent, at, time.Time{}
	return nil
}

func (q *table) MailRetry(ctx context.Context, id string, attempts int, next time.Time, reason string) error {
	if err := errors.Join(ctx.Err(), q.check(id)); err != nil {
		return err
	}
	q.row.Attempts, q.row.NextAt, q.row.LastError, q.leased = attempts, next, reason, time.Time{}
	return nil
}

func (q *table) MailFailed(ctx context.Context, id string, attempts int, reason string) error {
	if err := errors.Join(ctx.Err(), q.check(id)); err != nil {
		return err
	}
	q.row.State, q.row.Attempts, q.row.LastError, q.leased = model.MailFailed, attempts, reason, time.Time{}
	return nil
}

func (q *table) check(id string) error {
	if id != q.row.ID {
		return fmt.Errorf("no mail %q", id)
	}
	return nil
}

type bench struct {
	*Worker
	table   *table
	now     time.Time
	changes []model.MailState
}

func newBench(t *testing.T, s Sender) *bench {
	t.Helper()
	b := &bench{table: &table{row: letter(t, news())}}
	b.now = b.table.row.CreatedAt
	b.Worker = &Worker{
		Tx: func(_ context.Context, fn func(Queue) error) error {
			b.table.mu.Lock()
			defer b.table.mu.Unlock()
			return fn(b.table)
		},
		Sender:  s,
		Changed: func(_ context.Context, m model.Mail) { b.changes = append(b.changes, m.State) },
		Log:     slog.New(slog.DiscardHandler),
		Name:    "test",
		Now:     func() time.Time { return b.now },
	}
	return b
}

// once runs the worker at the row's next time.
func (b *bench) once(t *testing.T) {
	t.Helper()
	if b.table.row.NextAt.After(b.now) {
		b.now = b.table.row.NextAt
	}
	worked, err := b.RunOnce(t.Context())
	if err != nil || !worked {
		t.Fatalf("worked %v, %v", worked, err)
	}
}

func TestWorker_GreylistThenTaken(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	sink.answer(refuse(450, "greylisted"), refuse(421, "busy"))
	b := newBench(t, openSMTP(t, "smtp://"+sink.addr))
	b.once(t)
	if r := b.table.row; r.State != model.MailQueued || r.Attempts != 1 || !strings.Contains(r.LastError, "greylisted") {
		t.Fatalf("%+v", r)
	}
	if pause := b.table.row.NextAt.Sub(b.now); pause < time.Minute || pause > 66*time.Second {
		t.Errorf("first pause %v", pause)
	}
	if worked, err := b.RunOnce(t.Context()); worked || err != nil {
		t.Errorf("not due, yet worked %v, %v", worked, err)
	}
	b.once(t)
	b.once(t)
	if r := b.table.row; r.State != model.MailSent || !r.SentAt.Equal(b.now) {
		t.Fatalf("%+v", r)
	}
	if len(sink.received()) != 1 || fmt.Sprint(b.changes) != "[queued queued sent]" {
		t.Errorf("%d mails, changes %v", len(sink.received()), b.changes)
	}
}

func TestWorker_RefusedForGood(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	sink.answer(refuse(550, "no such user"))
	b := newBench(t, openSMTP(t, "smtp://"+sink.addr))
	b.once(t)
	if r := b.table.row; r.State != model.MailFailed || r.Attempts != 1 || !strings.Contains(r.LastError, "no such user") {
		t.Fatalf("%+v", r)
	}
	if worked, err := b.RunOnce(t.Context()); worked || err != nil {
		t.Errorf("a failed mail was tried again: %v, %v", worked, err)
	}
}

func TestWorker_ServerDownThenUp(t *testing.T) {
	addr := freeAddress(t)
	b := newBench(t, openSMTP(t, "smtp://"+addr))
	b.once(t)
	if r := b.table.row; r.State != model.MailQueued || r.Attempts != 1 {
		t.Fatalf("%+v", r)
	}
	sink := startSink(t, sinkOptions{addr: addr})
	b.once(t)
	if len(sink.received()) != 1 || b.table.row.State != model.MailSent {
		t.Errorf("%+v", b.table.row)
	}
}

func TestWorker_GivesUpAfter72Hours(t *testing.T) {
	f := &Fake{}
	b := newBench(t, f)
	for range 100 {
		f.Fail(errors.New("server down"))
		b.once(t)
		if b.table.row.State == model.MailFailed {
			break
		}
		if pause := b.table.row.NextAt.Sub(b.now); pause > lastRetry+lastRetry/10 {
			t.Fatalf("pause %v", pause)
		}
	}
	age := b.now.Sub(b.table.row.CreatedAt)
	if b.table.row.State != model.MailFailed || age > giveUp || age < giveUp-lastRetry-lastRetry/10 {
		t.Errorf("state %s at age %v after %d attempts", b.table.row.State, age, b.table.row.Attempts)
	}
	if n := b.table.row.Attempts; n < 15 || n > 25 {
		t.Errorf("%d attempts", n)
	}
}

// F43: the mail server took it, and the crash came before we wrote that down.
func TestWorker_CrashBeforeRecording(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	b := newBench(t, openSMTP(t, "smtp://"+sink.addr))
	b.table.failDone = errors.New("killed")
	if _, err := b.RunOnce(t.Context()); err == nil {
		t.Fatal("the lost record was not reported")
	}
	if worked, err := b.RunOnce(t.Context()); worked || err != nil {
		t.Fatalf("the lease does not hold: %v, %v", worked, err)
	}
	b.now = b.now.Add(leaseFor)
	b.once(t)
	got := sink.received()
	if len(got) != 2 || b.table.row.State != model.MailSent {
		t.Fatalf("%d mails, %+v", len(got), b.table.row)
	}
	if !bytes.Equal(got[0].raw, got[1].raw) {
		t.Errorf("the second copy differs:\n%s\n%s", got[0].raw, got[1].raw)
	}
	if len(b.changes) != 1 {
		t.Errorf("changes %v", b.changes)
	}
}

// stopping ends the worker's context in the middle of a delivery.
type stopping struct {
	stop func()
	err  error
}

func (s stopping) Send(context.Context, model.Mail) error { s.stop(); return s.err }

func TestWorker_StopsInMidDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		state model.MailState
	}{
		"taken all the same": {nil, model.MailSent},
		"cut off":            {context.Canceled, model.MailQueued},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b := newBench(t, stopping{cancel, c.err})
			if _, err := b.RunOnce(ctx); err != nil {
				t.Fatal(err)
			}
			if r := b.table.row; r.State != c.state || r.Attempts != 0 || r.NextAt.After(b.now) || !b.table.leased.IsZero() {
				t.Errorf("%+v, leased until %v", r, b.table.leased)
			}
		})
	}
}

func TestWorker_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &Fake{}
		b := newBench(t, f)
		b.Now = time.Now
		b.table.failLeases = 1 // a lost database is no reason to stop
		b.table.row.NextAt = time.Now().Add(40 * time.Second)
		wake := make(chan struct{})
		b.Wake = wake
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()

		time.Sleep(50 * time.Second) // bubble time: the polls at 0 s and 30 s find nothing
		synctest.Wait()
		if len(f.Sent()) != 0 {
			t.Error("sent before it was due")
		}
		wake <- struct{}{}
		synctest.Wait()
		if len(f.Sent()) != 1 {
			t.Errorf("%d mails after the wake-up", len(f.Sent()))
		}
		b.table.mu.Lock()
		b.table.row.State, b.table.row.NextAt = model.MailQueued, time.Now()
		b.table.mu.Unlock()
		time.Sleep(pollEvery)
		synctest.Wait()
		if len(f.Sent()) != 2 {
			t.Errorf("%d mails after a poll", len(f.Sent()))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 9: 256 * time.Minute, 10: lastRetry, 50: lastRetry, 0: time.Minute} {
		if got := retryAfter(n); got < want || got > want+want/10 {
			t.Errorf("%d: %v, want %v and a tenth", n, got, want)
		}
	}
}
