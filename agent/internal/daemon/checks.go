package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// Checks look a box through with its own hands. Each tells every part as soon
// as it is known, and returns all of them.
type Checks struct {
	Doctor   func(ctx context.Context, h Hands, shown func(protocol.CheckItem)) []protocol.CheckItem
	SelfTest func(ctx context.Context, h Hands, shown func(protocol.CheckItem)) []protocol.CheckItem
	// Record lets somebody at the box read a sentence aloud, which the box then
	// says in their voice. It tells what to do.
	Record func(ctx context.Context, h Hands, key string, shown func(protocol.CheckItem)) error
}

// checkLimit bounds one check: a self-test waits a minute for each press.
const checkLimit = 20 * time.Minute

// maxChecks bounds what waits for a server that is away; the newest count.
const maxChecks = 10

// Check looks the box through and keeps what was found for the server, until
// that has it. It is refused with ErrInUse while somebody uses the box. Safe
// from any goroutine but the loop's.
func (d *Daemon) Check(ctx context.Context, kind protocol.CheckKind, installer string, shown func(protocol.CheckItem)) (protocol.Check, error) {
	return d.check(ctx, kind, protocol.Request{}, installer, shown)
}

// check is Check; the request is the one that asked for it, if one did.
func (d *Daemon) check(ctx context.Context, kind protocol.CheckKind, by protocol.Request, installer string, shown func(protocol.CheckItem)) (protocol.Check, error) {
	if d.o.Checks == nil {
		return protocol.Check{}, errors.New("this box cannot look itself through")
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	look := d.o.Checks.Doctor
	if kind == protocol.CheckSelfTest {
		look = d.o.Checks.SelfTest
	}
	var items []protocol.CheckItem
	err := d.lend(ctx, by, func(ctx context.Context, h Hands) { items = look(ctx, h, shown) })
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = ErrInUse // it made way for a press
	}
	if err != nil {
		return protocol.Check{}, err
	}
	c := newCheck(kind, items)
	c.Request, c.Installer = by.ID, installer
	kept := make(chan protocol.Check, 1)
	d.post(d.ctx, func() { // whoever asked may be gone
		c.At = d.wall()
		d.keepCheck(c)
		d.checkAnswered(c)
		kept <- c
	})
	select {
	case c = <-kept:
		return c, nil
	case <-d.ctx.Done():
		return c, d.ctx.Err()
	}
}

// record lends the box to whoever reads a sentence aloud.
func (d *Daemon) record(ctx context.Context, key string, shown func(protocol.CheckItem)) (err error) {
	if d.o.Checks == nil || d.o.Checks.Record == nil {
		return errors.New("this box cannot record its own sentences")
	}
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	lerr := d.Lend(ctx, func(ctx context.Context, h Hands) { err = d.o.Checks.Record(ctx, h, key, shown) })
	return errors.Join(err, lerr)
}

// recordLimit bounds the time until somebody has read one sentence.
const recordLimit = 5 * time.Minute

func newCheck(kind protocol.CheckKind, items []protocol.CheckItem) protocol.Check {
	return protocol.Check{ID: uuid.Must(uuid.NewV7()).String(), Kind: kind, Agent: protocol.Build, Items: items}
}

// keepCheck keeps a check in the journal; handInChecks takes it from there.
func (d *Daemon) keepCheck(c protocol.Check) {
	if err := c.Check(); err != nil {
		d.log.Error("a check makes no sense", "error", err)
		return
	}
	var list []protocol.Check
	_, err := d.load(keyChecks, &list)
	if err == nil {
		list = append(list, c)
		if n := len(list); n > maxChecks {
			list = list[n-maxChecks:]
		}
		err = d.spool.Save(keyChecks, list)
	}
	d.onDisk("keep a check", err)
	if err == nil {
		d.handled(c.Request)
	}
	d.wakeChecks()
}

// wakeChecks lets what waits to be handed in be tried now.
func (d *Daemon) wakeChecks() {
	select {
	case d.checked <- struct{}{}:
	default:
	}
}

// handInChecks brings what was found to the server, whenever that is there.
func (d *Daemon) handInChecks(ctx context.Context) {
	pause := retry.Backoff{Min: 2 * time.Second, Max: 10 * time.Minute}
	for {
		c, found := d.oldestCheck(ctx)
		if !found {
			select {
			case <-d.checked:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := d.handIn(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if err == nil || transfer.IsRefused(err) {
			d.post(ctx, func() { d.dropCheck(c.ID) })
			pause.Reset()
			if err != nil {
				d.log.Warn("the server refuses a check", "error", err)
			}
			continue
		}
		if d.pauseChecks(ctx, pause.Next()) != nil {
			return
		}
	}
}

// pauseChecks waits for a better time to hand in, a welcome at the latest.
func (d *Daemon) pauseChecks(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case <-d.checked:
		return nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return ctx.Err()
}

func (d *Daemon) handIn(ctx context.Context, c protocol.Check) error {
	return within(ctx, time.Minute, func(ctx context.Context) error {
		_, err := d.o.Client.HandIn(ctx, c)
		return err
	})
}

// oldestCheck asks the loop, which alone reads and writes the journal.
func (d *Daemon) oldestCheck(ctx context.Context) (protocol.Check, bool) {
	got := make(chan []protocol.Check, 1)
	d.post(ctx, func() {
		var list []protocol.Check
		_, err := d.load(keyChecks, &list)
		d.onDisk("read checks", err)
		got <- list
	})
	select {
	case list := <-got:
		if len(list) > 0 {
			return list[0], true
		}
	case <-ctx.Done():
	}
	return protocol.Check{}, false
}

func (d *Daemon) dropCheck(id string) {
	var list []protocol.Check
	_, err := d.load(keyChecks, &list)
	if err == nil {
		list = slices.DeleteFunc(list, func(c protocol.Check) bool { return c.ID == id })
		err = d.spool.Save(keyChecks, list)
	}
	d.onDisk("forget a check", err)
}

// practised tells the team that somebody did a practice turn to its end.
func (d *Daemon) practised(before, now flow.State) {
	if !now.Turn.Practice || now.Phase != flow.Sent || before.Phase == flow.Sent {
		return
	}
	c := newCheck(protocol.CheckPractice, []protocol.CheckItem{
		{Part: "whisper", Verdict: protocol.VerdictOK, Text: "Somebody heard the practice whisper, answered it and sent it off. It never left the box."},
	})
	c.At = d.wall()
	if now.Turn.Hop == d.practice.hop {
		c.Request = d.practice.request
	}
	d.keepCheck(c)
}

const (
	keyChecks   = "checks"
	keyRequests = "requests"
	keyEnd      = "end"
	keyStarts   = "starts"
)

// selfTest runs the spoken self-test beside the loop; the interaction waits for it.
func (d *Daemon) selfTest(f flow.Effect) {
	ctx, cancel := context.WithCancel(d.ctx)
	d.endTest = cancel
	d.wait.Go(func() {
		defer cancel()
		if _, err := d.Check(ctx, protocol.CheckSelfTest, "", func(protocol.CheckItem) {}); err != nil {
			d.log.Warn("the self-test was not run to its end", "error", err)
		}
		d.post(d.ctx, func() { d.step(flow.Event{Kind: flow.KindSelfTested, Seq: f.Seq}) })
	})
}

func (d *Daemon) endSelfTest() {
	if d.endTest != nil {
		d.endTest()
	}
}
