// Package relay holds the use cases of the server: load, let route decide,
// save, and tell what is to be told after the commit. It is the only caller
// of route. Pages and the device API parse, call one method here, and render.
package relay

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Teller passes hints on after a commit. A hint that gets lost costs time,
// never a whisper: boxes ask again, pages read the database, mails are rows.
type Teller interface {
	// Look tells a box that its offers changed.
	Look(device string)
	// Recall tells a box that a turn is over.
	Recall(device string, hop protocol.HopRef)
	// Remind lets a box say once more that a turn waits there.
	Remind(device string, hop protocol.HopRef)
	// Settings tells a box how it is to behave from now on.
	Settings(device string, settings protocol.Settings)
	// Ask asks a box for something; it is asked again until it answers.
	Ask(device string, kind protocol.MessageType, r protocol.Request)
	// Changed tells open pages that a whisper changed.
	Changed(whisper string)
	// Happened tells streams and hooks that a project's history goes on.
	Happened(project string)
	// BoxesChanged tells open pages that a box changed.
	BoxesChanged()
	// Revoked closes a box's live connection.
	Revoked(device string)
	// Unnamed tells that stored bytes lost a name at a time; where it was their
	// last they are to go at once.
	Unnamed(digests []string, at time.Time)
	// MailQueued wakes the mail worker.
	MailQueued()
}

// Service is the use cases. Its methods are safe for concurrent use, by
// several servers on one database as well.
type Service struct {
	db    *store.Store
	tell  Teller
	now   func() time.Time
	log   *slog.Logger
	mail  Composer
	codes Coder
	wake  chan struct{} // a hold was set
	count func(kind string)
}

// Coder makes enrolment codes, and turns one into what is stored of it.
type Coder interface {
	NewCode() string
	HashCode(code string) string
}

// Options is what a Service is made of. Now is the clock.
type Options struct {
	Store    *store.Store
	Teller   Teller
	Composer Composer
	Now      func() time.Time
	Log      *slog.Logger
	Codes    Coder
	// Count is told the kind of each line of history after its commit; nil: nobody is.
	Count func(kind string)
}

// New makes the service.
func New(o Options) *Service {
	return &Service{
		db: o.Store, tell: o.Teller, now: o.Now, log: o.Log, mail: o.Composer, codes: o.Codes,
		wake: make(chan struct{}, 1), count: o.Count,
	}
}

// work is one transaction: what it read the clock as, and what is to be told
// once it is durable. A retry begins with a new one.
type work struct {
	*store.Tx
	now     time.Time
	by      string // the person who asked for this; empty: a box, or the clock
	notices []func(Teller)
	serve   []string // boxes whose queue may have moved
	events  []model.Event
}

func (w *work) after(notice func(Teller)) { w.notices = append(w.notices, notice) }

// do runs fn in a write transaction, lets every box that became free or wanted
// take its next turn, commits, and only then tells anybody.
func (s *Service) do(ctx context.Context, fn func(*work) error) error {
	var w *work
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		// No finer than it is stored: a receipt reads the same now and when it is asked for again.
		w = &work{Tx: tx, now: s.now().Truncate(time.Microsecond)}
		if err := fn(w); err != nil {
			return err
		}
		for i := 0; i < len(w.serve); i++ {
			if err := s.serve(ctx, w, w.serve[i]); err != nil {
				return err
			}
		}
		return w.keepEvents(ctx)
	})
	if err != nil {
		return err
	}
	s.told(w)
	return nil
}

// told counts what was committed, and tells it.
func (s *Service) told(w *work) {
	if s.count != nil {
		for _, e := range w.events {
			s.count(e.Kind)
		}
	}
	for _, notice := range w.notices {
		notice(s.tell)
	}
}

// step lets route decide on one event and saves what it says. The reply is the
// one that the event is about, or nil.
func (s *Service) step(ctx context.Context, w *work, wh model.Whisper, e route.Event, reply *model.Reply) (model.Whisper, error) {
	next, actions, err := route.Next(wh, e, w.now)
	if err != nil || len(actions) == 0 {
		return next, err
	}
	// A box learns of a change by its own rising counter, so the counter moves
	// before the whisper is saved.
	for _, a := range actions {
		switch a := a.(type) {
		case route.Free:
			err = s.free(ctx, w, &next, a)
		case route.Withdraw:
			hop, _ := next.Hop(a.Position)
			hop.Seq, err = w.BumpDevice(ctx, a.Device)
		}
		if err != nil {
			return next, err
		}
	}
	if err := w.SaveWhisper(ctx, &next); err != nil {
		return next, err
	}
	for _, a := range actions {
		if err := s.carryOut(ctx, w, next, a, reply); err != nil {
			return next, err
		}
	}
	id := next.ID
	w.after(func(t Teller) { t.Changed(id) })
	return next, nil
}

func (s *Service) free(ctx context.Context, w *work, wh *model.Whisper, a route.Free) error {
	hop, _ := wh.Hop(a.Position)
	seq, ok, err := w.ReleaseDevice(ctx, a.Device, hop.ID)
	if err == nil && !ok {
		// Taken back while the box had its next turn already: nothing to free.
		seq, err = w.BumpDevice(ctx, a.Device)
	}
	if err != nil {
		return err
	}
	hop.Seq = seq
	w.serve = append(w.serve, a.Device)
	return nil
}

func (s *Service) carryOut(ctx context.Context, w *work, wh model.Whisper, a route.Action, reply *model.Reply) error {
	switch a := a.(type) {
	case route.Ready:
		w.serve = append(w.serve, a.Device)
	case route.Withdraw:
		hop, _ := wh.Hop(a.Position)
		ref := protocol.HopRef{Hop: hop.ID, Epoch: hop.Epoch}
		w.after(func(t Teller) { t.Recall(a.Device, ref) })
	case route.Accept:
		reply.State = protocol.ReplyAccepted
		if hop, _ := wh.Hop(a.Position); hop.State == model.HopHeld {
			reply.RecallTill = hop.HoldUntil
		}
	case route.KeepLate:
		reply.State = protocol.ReplyLate
	case route.GiveBack:
		reply.State = protocol.ReplyTakenBack
		reply.TakenBack = w.now
	case route.Wake:
		w.after(func(Teller) { s.wakeWork() })
	case route.Remind:
		hop, _ := wh.Hop(a.Position)
		ref := protocol.HopRef{Hop: hop.ID, Epoch: hop.Epoch}
		w.after(func(t Teller) { t.Remind(a.Device, ref) })
	case route.Ask:
		return s.ask(ctx, w, wh, a)
	case route.Decided:
		s.decided(w, wh, a)
	case route.Complete:
		return s.queueCompletion(ctx, w, wh)
	case route.Note:
		return s.note(ctx, w, wh, a)
	}
	return nil
}

func (s *Service) note(ctx context.Context, w *work, wh model.Whisper, n route.Note) error {
	e := model.Event{ID: store.NewID(), ProjectID: wh.ProjectID, WhisperID: wh.ID, Kind: n.Kind, At: w.now}
	if hop, ok := wh.Hop(n.Position); ok {
		e.HopID, e.DeviceID = hop.ID, hop.DeviceID
	}
	if slices.Contains(byHand, n.Kind) {
		e.UserID = w.by
	}
	w.events = append(w.events, e)
	return nil
}

// byHand are the lines of history that a person causes; those beside them in
// the same transaction are consequences.
var byHand = []string{model.EventStarted, model.EventPaused, model.EventResumed, model.EventEnded}

// keepEvents numbers and writes the history's new lines, last of all: the
// project's counter is locked from here to the commit, and no longer.
func (w *work) keepEvents(ctx context.Context) error {
	next := map[string]int64{}
	for i := range w.events {
		e := &w.events[i]
		if e.ID == "" {
			e.ID = store.NewID()
		}
		if e.ProjectID == "" {
			continue // of the server, not of a project
		}
		if next[e.ProjectID] == 0 {
			n := 0
			for _, other := range w.events {
				if other.ProjectID == e.ProjectID {
					n++
				}
			}
			first, err := w.ReserveEvents(ctx, e.ProjectID, n)
			if err != nil {
				return err
			}
			next[e.ProjectID] = first
		}
		e.Seq = next[e.ProjectID]
		next[e.ProjectID]++
	}
	for project := range next {
		w.after(func(t Teller) { t.Happened(project) })
	}
	if err := w.AddEvents(ctx, w.events...); err != nil {
		return err
	}
	return w.queueDeliveries(ctx)
}

// serve gives a free box the oldest turn that waits for it. The counter is
// moved first: that locks the box's row, so that of two servers, one freeing
// the box and one wanting it, the later sees what the earlier did.
func (s *Service) serve(ctx context.Context, w *work, device string) error {
	if _, err := w.BumpDevice(ctx, device); err != nil {
		return err
	}
	d, err := w.Device(ctx, device)
	if err != nil || d.ActiveHop != "" {
		return err
	}
	if !d.RevokedAt.IsZero() {
		return s.stalledByRemoval(ctx, w, d)
	}
	wh, hop, ok, err := s.nextTurn(ctx, w, device)
	if err != nil || !ok {
		return err
	}
	seq, ok, err := w.ClaimDevice(ctx, device, hop.ID)
	if err != nil || !ok {
		return err
	}
	if _, err := s.step(ctx, w, wh, route.Offered{Position: hop.Position, Seq: seq, Clock: s.clockAt(wh, d)}, nil); err != nil {
		return err
	}
	w.after(func(t Teller) { t.Look(device) })
	return nil
}

// ever is later than any turn: a turn that was made ready by a clock that was
// ahead of this one waits as long as all others, and no longer.
const ever = 250 * 365 * 24 * time.Hour

// nextTurn finds the oldest turn that a box may be offered now. Turns that come
// too soon after others are put off on the way.
func (s *Service) nextTurn(ctx context.Context, w *work, device string) (wh model.Whisper, hop *model.Hop, ok bool, err error) {
	for {
		hopID, whisperID, ok, err := w.NextReadyHop(ctx, device, w.now.Add(ever))
		if err != nil || !ok {
			return wh, nil, false, err
		}
		if wh, err = w.Whisper(ctx, whisperID); err != nil {
			return wh, nil, false, err
		}
		hop, _ := wh.HopByID(hopID)
		if hop.Course.NotBefore.After(w.now) {
			return wh, nil, false, nil
		}
		later, err := s.notYet(ctx, w, &wh, hop)
		if err != nil || !later {
			return wh, hop, err == nil, err
		}
	}
}
