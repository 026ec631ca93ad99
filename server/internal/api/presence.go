package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// flushEvery is how often what was heard of boxes is written: one transaction
// for all of them, so that a thousand pings are not a thousand commits.
const flushEvery = 10 * time.Second

// Recorder stores what was heard of boxes, in one transaction.
type Recorder interface {
	SeenMany(ctx context.Context, seen map[string]model.Sighting) error
}

// Presence gathers when boxes were heard of and writes it in rounds.
type Presence struct {
	now func() time.Time
	rec Recorder
	log *slog.Logger

	writing sync.Mutex // one round at a time, so that Flush keeps its promise

	mu   sync.Mutex
	seen map[string]model.Sighting
	kick chan struct{}
}

// NewPresence makes a Presence; Run writes its rounds.
func NewPresence(rec Recorder, now func() time.Time, log *slog.Logger) *Presence {
	return &Presence{now: now, rec: rec, log: log, seen: map[string]model.Sighting{}, kick: make(chan struct{}, 1)}
}

// Heard notes that a box was heard of now.
func (p *Presence) Heard(device string) {
	p.note(device, func(*model.Sighting) {})
}

// Connected notes a new connection and what the box says of itself; pages
// learn of it at once.
func (p *Presence) Connected(device string, h protocol.Hello) {
	p.note(device, func(s *model.Sighting) {
		s.Connected = true
		s.Hello = &h
	})
	p.hurry()
}

// Disconnected makes the last word of a box visible at once.
func (p *Presence) Disconnected(string) { p.hurry() }

// Status notes a box's health.
func (p *Presence) Status(device string, st protocol.Status) {
	p.note(device, func(s *model.Sighting) { s.Status = &st })
}

func (p *Presence) note(device string, change func(*model.Sighting)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seen[device]
	s.At = p.now()
	change(&s)
	p.seen[device] = s
}

func (p *Presence) hurry() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Run writes rounds until ctx ends, then a last one.
func (p *Presence) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			p.Flush(last)
			return nil
		case <-tick.C:
		case <-p.kick:
		}
		p.Flush(ctx)
	}
}

// Flush writes what was heard before it was called. A round that fails goes
// into the next: what a box said stays true.
func (p *Presence) Flush(ctx context.Context) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	round := p.seen
	p.seen = map[string]model.Sighting{}
	p.mu.Unlock()
	if len(round) == 0 {
		return
	}
	if err := p.rec.SeenMany(ctx, round); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // else Run's last round is about to write it
			p.log.Warn("presence could not be written", "boxes", len(round), "error", err)
		}
		p.mu.Lock()
		for device, newer := range p.seen {
			round[device] = merge(round[device], newer)
		}
		p.seen = round
		p.mu.Unlock()
	}
}

// merge adds what was heard later; what it does not speak of stays.
func merge(older, newer model.Sighting) model.Sighting {
	newer.Connected = newer.Connected || older.Connected
	newer.Hello = cmp.Or(newer.Hello, older.Hello)
	newer.Status = cmp.Or(newer.Status, older.Status)
	return newer
}
