package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// Progress is what a list shows of a whisper's hops.
type Progress struct {
	Hops     int // all
	Answered int // received, held or approved
	Over     int // will not change any more
	// The first hop that is not over; none once the whisper is at its end.
	Position int
	DeviceID string
	State    model.HopState
	Since    time.Time // of its last step
}

// WhisperRow is a whisper of a list: without hops, with its progress.
type WhisperRow struct {
	model.Whisper
	Progress Progress
	NeedsAt  time.Time // since when a person has to decide; zero: nobody has to
}

func progress(w *model.Whisper) Progress {
	p := Progress{Hops: len(w.Hops)}
	for _, h := range w.Hops {
		switch h.State {
		case model.HopReceived, model.HopHeld, model.HopApproved:
			p.Answered++
		}
		if h.State.Over() {
			p.Over++
		} else if p.Position == 0 {
			p.Position, p.DeviceID, p.State = h.Position, h.DeviceID, h.State
			for _, at := range []time.Time{h.ReadyAt, h.OfferedAt, h.DeliveredAt, h.HeardAt, h.RecordingAt, h.SavedAt, h.ReceivedAt} {
				if at.After(p.Since) {
					p.Since = at
				}
			}
		}
	}
	return p
}

// seen is a whisper as this transaction loaded or saved it.
type seen struct {
	version int64
	state   model.WhisperState
	hops    map[string]sqlcgen.Hop // by id
}

func (tx *Tx) remember(w *model.Whisper) error {
	s := seen{w.Version, w.State, make(map[string]sqlcgen.Hop, len(w.Hops))}
	for i := range w.Hops {
		row, err := hopRow(w, &w.Hops[i])
		if err != nil {
			return err
		}
		s.hops[w.Hops[i].ID] = row
	}
	tx.seen[w.ID] = s
	return nil
}

// needs is since when a person has to decide about a turn; zero if nobody has to.
func needs(w *model.Whisper) time.Time {
	if w.State == model.WhisperTravelling {
		for _, h := range w.Hops {
			if !h.State.Over() && !h.Course.NeedsAt.IsZero() {
				return h.Course.NeedsAt
			}
		}
	}
	return time.Time{}
}

func whisperOf(r sqlcgen.Whisper) (WhisperRow, error) {
	row, _ := whisperLine(r)
	if err := decodeOr(r.Policy, &row.Policy, model.Policy{}); err != nil {
		return WhisperRow{}, err
	}
	return row, decode(r.OrderInput, &row.Order.Input)
}

// whisperLine is whisperOf without its policy and what its order was drawn from,
// which no list tells.
func whisperLine(r sqlcgen.Whisper) (WhisperRow, error) {
	w := model.Whisper{ID: r.ID, ProjectID: r.ProjectID, Title: r.Title, State: model.WhisperState(r.State),
		Forwarding: model.Forwarding(r.Forwarding), Hold: span(r.HoldUs),
		Order:     model.Order{Algorithm: r.OrderAlgorithm, Seed: r.OrderSeed},
		StartedBy: r.StartedBy, StartKey: r.StartKey, StartDigest: r.StartDigest, CreatedAt: moment(r.CreatedAt), StartedAt: moment(r.StartedAt),
		CompletedAt: moment(r.CompletedAt), EndedAt: moment(r.EndedAt), Version: r.Version}
	if w.StartKey == w.ID {
		w.StartKey = ""
	}
	p := Progress{int(r.NHops), int(r.NAnswered), int(r.NOver), int(r.AtPosition), r.AtDevice, model.HopState(r.AtState), moment(r.AtSince)}
	return WhisperRow{w, p, moment(r.NeedsAt)}, nil
}

// CreateWhisper keeps a new whisper with its order record and all its hops, and
// sets its version. A second whisper with the same StartKey, unless it is empty,
// is ErrExists (KeyStart).
func (tx *Tx) CreateWhisper(ctx context.Context, w *model.Whisper) error {
	input, err := encode(w.Order.Input)
	if err != nil {
		return err
	}
	// First the project's row: MySQL would otherwise share it among those who
	// insert, and then let none of them write it.
	if err := tx.count(ctx, w.ProjectID, "", w.State); err != nil {
		return err
	}
	key := w.StartKey
	if key == "" {
		key = w.ID
	}
	policy, err := encode(w.Policy)
	if err != nil {
		return err
	}
	p := progress(w)
	err = wrap(tx.q.InsertWhisper(ctx, sqlcgen.InsertWhisperParams{ID: w.ID, ProjectID: w.ProjectID, Title: w.Title, State: string(w.State),
		Forwarding: string(w.Forwarding), HoldUs: w.Hold.Microseconds(), OrderAlgorithm: w.Order.Algorithm, OrderSeed: w.Order.Seed,
		OrderInput: input, StartedBy: w.StartedBy, StartKey: key, CreatedAt: micros(w.CreatedAt),
		StartedAt: micros(w.StartedAt), CompletedAt: micros(w.CompletedAt), EndedAt: micros(w.EndedAt), Version: 1,
		NHops: int64(p.Hops), NAnswered: int64(p.Answered), NOver: int64(p.Over), AtPosition: int64(p.Position),
		AtDevice: p.DeviceID, AtState: string(p.State), AtSince: micros(p.Since), Policy: policy, NeedsAt: micros(needs(w)), StartDigest: w.StartDigest}), "create a whisper")
	if err != nil {
		return err
	}
	for i := range w.Hops {
		row, err := hopRow(w, &w.Hops[i])
		if err == nil {
			err = wrap(tx.q.InsertHop(ctx, sqlcgen.InsertHopParams(row)), "create a hop")
		}
		if err != nil {
			return err
		}
	}
	w.Version = 1
	return tx.remember(w)
}

// Whisper finds a whisper with its hops.
func (tx *Tx) Whisper(ctx context.Context, id string) (model.Whisper, error) {
	r, err := tx.q.Whisper(ctx, id)
	if err != nil {
		return model.Whisper{}, wrap(err, "find a whisper")
	}
	w, err := whisperOf(r)
	if err != nil {
		return model.Whisper{}, err
	}
	rows, err := tx.q.HopsOfWhisper(ctx, id)
	if err != nil {
		return model.Whisper{}, wrap(err, "load a whisper's hops")
	}
	for _, h := range rows {
		hop, err := hopOf(h)
		if err != nil {
			return model.Whisper{}, err
		}
		w.Hops = append(w.Hops, hop)
	}
	return w.Whisper, tx.remember(&w.Whisper)
}

// WhisperByHop finds the whisper of a hop, with all its hops.
func (tx *Tx) WhisperByHop(ctx context.Context, hopID string) (model.Whisper, error) {
	id, err := tx.q.WhisperOfHop(ctx, hopID)
	if err != nil {
		return model.Whisper{}, wrap(err, "find a hop's whisper")
	}
	return tx.Whisper(ctx, id)
}

// SaveWhisper keeps what changed in a whisper and its hops, if nobody changed it
// since it was loaded: else ErrConflict, with nothing written. It raises the
// version, in w too. The order, the project and the start stay as they were
// made; hops can be added, not taken away.
func (tx *Tx) SaveWhisper(ctx context.Context, w *model.Whisper) error {
	old, ok := tx.seen[w.ID]
	if !ok || old.version != w.Version {
		if _, err := tx.Whisper(ctx, w.ID); err != nil {
			return err
		}
		if old = tx.seen[w.ID]; old.version != w.Version {
			return fmt.Errorf("store: save a whisper: %w", ErrConflict)
		}
	}
	policy, err := encode(w.Policy)
	if err != nil {
		return err
	}
	p := progress(w)
	n, err := tx.q.UpdateWhisper(ctx, sqlcgen.UpdateWhisperParams{Title: w.Title, State: string(w.State), Forwarding: string(w.Forwarding),
		HoldUs: w.Hold.Microseconds(), StartedAt: micros(w.StartedAt), CompletedAt: micros(w.CompletedAt), EndedAt: micros(w.EndedAt),
		NHops: int64(p.Hops), NAnswered: int64(p.Answered), NOver: int64(p.Over), AtPosition: int64(p.Position), AtDevice: p.DeviceID,
		AtState: string(p.State), AtSince: micros(p.Since), Policy: policy, NeedsAt: micros(needs(w)), ID: w.ID, Version: w.Version})
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return wrap(err, "save a whisper")
	}
	if err := tx.clearPlaces(ctx, w, old); err != nil {
		return err
	}
	kept := 0
	for i := range w.Hops {
		row, err := hopRow(w, &w.Hops[i])
		if err != nil {
			return err
		}
		was, ok := old.hops[row.ID]
		if ok {
			kept++
		}
		if ok && was == row {
			continue // nor did its place change
		}
		if err := tx.saveHop(ctx, row, !ok); err != nil {
			return err
		}
	}
	if kept != len(old.hops) {
		return errors.New("store: save a whisper: some of its hops are gone from it")
	}
	if old.state != w.State {
		if err := tx.count(ctx, w.ProjectID, old.state, w.State); err != nil {
			return err
		}
	}
	w.Version++
	return tx.remember(w)
}

// clearPlaces lets hops that change places leave them first: no two may stand
// at one place, not even between two statements.
func (tx *Tx) clearPlaces(ctx context.Context, w *model.Whisper, old seen) error {
	for i := range w.Hops {
		was, ok := old.hops[w.Hops[i].ID]
		if !ok || was.Position == int64(w.Hops[i].Position) {
			continue
		}
		was.Position = -was.Position
		if err := tx.saveHop(ctx, was, false); err != nil {
			return err
		}
	}
	return nil
}

// Whispers lists a project's whispers, newest first, from after the id given,
// without policies and what orders were drawn from. Index whispers_project.
func (tx *Tx) Whispers(ctx context.Context, projectID string, limit int, after string) ([]WhisperRow, error) {
	rows, err := tx.q.Whispers(ctx, sqlcgen.WhispersParams{ProjectID: projectID, BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list whispers")
	}
	return list(rows, whisperLine)
}

// WhisperByStartKey finds the whisper that a start with this key made. Index
// whispers_start_key.
func (tx *Tx) WhisperByStartKey(ctx context.Context, key string) (model.Whisper, error) {
	id, err := tx.q.WhisperByStartKey(ctx, key)
	if err != nil {
		return model.Whisper{}, wrap(err, "find a start's whisper")
	}
	return tx.Whisper(ctx, id)
}
