package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"illumi/protocol"
)

// Marks is what has happened to a hop on this box, by the box's clock.
type Marks struct {
	Epoch       int        `json:"epoch"`
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
	HeardAt     *time.Time `json:"heard_at,omitempty"`
	Plays       int        `json:"plays"`
}

// progress is one file of progress/.
type progress struct {
	Marks
	Notes []note `json:"notes,omitempty"`
}

// note is one message for the server that it has to acknowledge.
type note struct {
	ID    string               `json:"id"`
	Type  protocol.MessageType `json:"type"`
	Body  protocol.Progress    `json:"body"`
	Acked bool                 `json:"acked,omitempty"`
	Code  protocol.Code        `json:"code,omitempty"`
}

// Note keeps a progress message (delivered, heard, recording, saved) until the
// server has acknowledged it, and returns it for sending. The same event noted
// again is the same message. A newer epoch makes older messages void.
func (s *Spool) Note(t protocol.MessageType, p protocol.Progress) (protocol.Message, error) {
	if err := p.Check(); err != nil {
		return protocol.Message{}, fmt.Errorf("spool: note: %w", err)
	}
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	s.settled = time.Time{}
	var n note
	err := s.change(p.Hop, p.Epoch, func(g *progress) {
		at := p.At.UTC()
		p.At = at
		switch {
		case t == protocol.TypeDelivered && g.DeliveredAt == nil:
			g.DeliveredAt = &at
		case t == protocol.TypeHeard && g.HeardAt == nil:
			g.HeardAt = &at
		}
		for _, old := range g.Notes {
			if old.Type == t && old.Body.Take == p.Take {
				n = old
				return
			}
		}
		n = note{ID: newID(), Type: t, Body: p}
		g.Notes = append(g.Notes, n)
	})
	if err != nil {
		return protocol.Message{}, tell("note "+string(t), err)
	}
	return n.message()
}

func (n note) message() (protocol.Message, error) {
	frame, err := protocol.Encode(n.Type, n.ID, n.Body)
	if err != nil {
		return protocol.Message{}, err
	}
	return protocol.ParseMessage(frame)
}

// Played counts that the hop's recording was played.
func (s *Spool) Played(hop string, epoch int) error {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	return tell("count a play", s.change(hop, epoch, func(g *progress) { g.Plays++ }))
}

// Marks returns what has happened to a hop; nothing yet is the zero value.
func (s *Spool) Marks(hop string) (Marks, error) {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	g, err := s.progress(hop)
	return g.Marks, tell("read marks", err)
}

// Pending lists every message that the server has not acknowledged, oldest
// first; reports of the box itself come behind those of its turns.
func (s *Spool) Pending() ([]protocol.Message, error) {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	if s.isSettled() {
		return nil, nil
	}
	s.doubted = false
	var open []note
	err := s.eachProgress(func(_ string, g progress) error {
		for _, n := range g.Notes {
			if !n.Acked {
				open = append(open, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, tell("list messages", err)
	}
	slices.SortFunc(open, func(a, b note) int { return cmp.Compare(a.ID, b.ID) })
	list := make([]protocol.Message, 0, len(open))
	for _, n := range open {
		m, err := n.message()
		if err != nil {
			return nil, tell("list messages", err)
		}
		list = append(list, m)
	}
	reports, err := s.reports()
	if err != nil {
		return nil, tell("list reports", err)
	}
	for _, r := range reports {
		m, err := reportMessage(r)
		if err != nil {
			return nil, tell("list reports", err)
		}
		list = append(list, m)
	}
	if len(list) == 0 && !s.doubted {
		s.settled = time.Now()
	}
	return list, nil
}

// settledFor bounds how long the disk is not asked again.
const settledFor = 10 * time.Minute

func (s *Spool) isSettled() bool { return !s.settled.IsZero() && time.Since(s.settled) < settledFor }

// Acked keeps that the server has recorded a message, or, by the ack's code,
// that it never will. An ack of something unknown is passed over.
func (s *Spool) Acked(a protocol.Ack) error {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	if s.isSettled() {
		return nil // of a status, which is not kept
	}
	if ok, err := s.ackedReport(a.ID); ok || err != nil {
		return tell("keep an ack", err)
	}
	return tell("keep an ack", s.eachProgress(func(hop string, g progress) error {
		for i, n := range g.Notes {
			if n.ID == a.ID && !n.Acked {
				g.Notes[i].Acked, g.Notes[i].Code = true, a.Code
				return s.disk.writeJSON(path.Join("progress", hop+".json"), g)
			}
		}
		return nil
	}))
}

// change rewrites the progress of a hop. An epoch older than the known one is
// ErrStale. The caller holds progressMu.
func (s *Spool) change(hop string, epoch int, fn func(*progress)) error {
	g, err := s.progress(hop)
	if err != nil {
		return err
	}
	switch {
	case epoch < g.Epoch:
		return ErrStale
	case epoch > g.Epoch:
		g = progress{Marks: Marks{Epoch: epoch}}
	}
	fn(&g)
	return s.disk.writeJSON(path.Join("progress", hop+".json"), g)
}

// progress reads one file. A damaged one is only a record of messages that the
// server can do without: it starts anew.
func (s *Spool) progress(hop string) (progress, error) {
	var g progress
	if !protocol.ValidID(hop) {
		return g, unknown("hop", hop)
	}
	err := s.disk.readJSON(path.Join("progress", hop+".json"), &g)
	s.doubted = s.doubted || errors.Is(err, ErrDamaged)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return progress{}, nil
	}
	return g, err
}

func (s *Spool) eachProgress(fn func(hop string, g progress) error) error {
	names, err := s.disk.names("progress")
	if err != nil {
		return err
	}
	for _, name := range names {
		hop, ok := strings.CutSuffix(name, ".json")
		if !ok || !protocol.ValidID(hop) {
			continue
		}
		g, err := s.progress(hop)
		if err != nil {
			return err
		}
		if err := fn(hop, g); err != nil {
			return err
		}
	}
	return nil
}

// newID makes a UUIDv7; google/uuid keeps them rising within the process.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
