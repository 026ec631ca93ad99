package store

import (
	"context"
	"errors"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// hopRow is a hop as it is stored, with what it waits for: queued_at, due_at
// and at_box follow from the hop and from its whisper's state.
func hopRow(w *model.Whisper, h *model.Hop) (sqlcgen.Hop, error) {
	r := sqlcgen.Hop{ID: h.ID, WhisperID: w.ID, Position: int64(h.Position), DeviceID: h.DeviceID, State: string(h.State),
		Epoch: int64(h.Epoch), Seq: h.Seq, ReplyID: h.ReplyID, ReadyAt: micros(h.ReadyAt), OfferedAt: micros(h.OfferedAt),
		DeliveredAt: micros(h.DeliveredAt), HeardAt: micros(h.HeardAt), RecordingAt: micros(h.RecordingAt), SavedAt: micros(h.SavedAt),
		ReceivedAt: micros(h.ReceivedAt), HoldUntil: micros(h.HoldUntil), ApprovedAt: micros(h.ApprovedAt), EndedAt: micros(h.EndedAt)}
	r.QueuedAt, r.DueAt = micros(w.QueuedAt(h)), micros(w.DueAt(h))
	if h.State.AtBox() {
		r.AtBox = 1
	}
	var err error
	r.Course, err = encode(h.Course)
	return r, err
}

func hopOf(r sqlcgen.Hop) (model.Hop, error) {
	h := model.Hop{ID: r.ID, WhisperID: r.WhisperID, Position: int(r.Position), DeviceID: r.DeviceID, State: model.HopState(r.State),
		Epoch: int(r.Epoch), Seq: r.Seq, ReplyID: r.ReplyID, ReadyAt: moment(r.ReadyAt), OfferedAt: moment(r.OfferedAt),
		DeliveredAt: moment(r.DeliveredAt), HeardAt: moment(r.HeardAt), RecordingAt: moment(r.RecordingAt), SavedAt: moment(r.SavedAt),
		ReceivedAt: moment(r.ReceivedAt), HoldUntil: moment(r.HoldUntil), ApprovedAt: moment(r.ApprovedAt), EndedAt: moment(r.EndedAt)}
	return h, decodeOr(r.Course, &h.Course, model.Course{})
}

func (tx *Tx) saveHop(ctx context.Context, r sqlcgen.Hop, isNew bool) error {
	if isNew {
		return wrap(tx.q.InsertHop(ctx, sqlcgen.InsertHopParams(r)), "add a hop")
	}
	n, err := tx.q.UpdateHop(ctx, sqlcgen.UpdateHopParams{Position: r.Position, DeviceID: r.DeviceID, State: r.State, Epoch: r.Epoch,
		Seq: r.Seq, ReplyID: r.ReplyID, ReadyAt: r.ReadyAt, OfferedAt: r.OfferedAt, DeliveredAt: r.DeliveredAt, HeardAt: r.HeardAt,
		RecordingAt: r.RecordingAt, SavedAt: r.SavedAt, ReceivedAt: r.ReceivedAt, HoldUntil: r.HoldUntil, ApprovedAt: r.ApprovedAt,
		EndedAt: r.EndedAt, QueuedAt: r.QueuedAt, DueAt: r.DueAt, AtBox: r.AtBox, Course: r.Course, ID: r.ID, WhisperID: r.WhisperID})
	return one(n, err, "save a hop")
}

// NextReadyHop finds the hop that waits longest for a device: planned, ready, in
// a whisper that travels, and not put off until after now. Index hops_queued. After ReleaseDevice in the same
// transaction it misses none.
func (tx *Tx) NextReadyHop(ctx context.Context, deviceID string, now time.Time) (hopID, whisperID string, ok bool, err error) {
	r, err := tx.q.NextReadyHop(ctx, sqlcgen.NextReadyHopParams{DeviceID: deviceID, At: micros(now)})
	if err = wrap(err, "find a device's next hop"); errors.Is(err, ErrNotFound) {
		return "", "", false, nil
	}
	return r.ID, r.WhisperID, err == nil, err
}

// IdleDevicesWithTurn lists devices that serve no hop although one waits for
// them. Index hops_waiting: it meets all hops that wait now, and no others.
func (tx *Tx) IdleDevicesWithTurn(ctx context.Context, now time.Time, limit int) ([]string, error) {
	ids, err := tx.q.IdleDevicesWithTurn(ctx, sqlcgen.IdleDevicesWithTurnParams{At: micros(now), Limit: page(limit)})
	return ids, wrap(err, "list idle devices with a turn")
}

// HopRef is a hop that the clock changes at a time.
type HopRef struct {
	HopID     string
	WhisperID string
	Position  int
	DueAt     time.Time
}

// DueHops lists hops of travelling whispers whose hold, reminder or deadline is
// due by now, oldest first. Index hops_due.
func (tx *Tx) DueHops(ctx context.Context, now time.Time, limit int) ([]HopRef, error) {
	rows, err := tx.q.DueHops(ctx, sqlcgen.DueHopsParams{At: micros(now), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list hops that are due")
	}
	return list(rows, func(r sqlcgen.DueHopsRow) (HopRef, error) {
		return HopRef{r.ID, r.WhisperID, int(r.Position), moment(r.DueAt)}, nil
	})
}

// NextDue says when the next hop is due; the zero time where none is. Index hops_due.
func (tx *Tx) NextDue(ctx context.Context) (time.Time, error) {
	due, err := tx.q.NextDue(ctx)
	if err = wrap(err, "find what is due next"); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return moment(due), err
}

// EarlierOffer says when the device was offered its n-th latest turn, n from 1;
// the zero time where it had fewer. Index hops_offered.
func (tx *Tx) EarlierOffer(ctx context.Context, deviceID string, n int) (time.Time, error) {
	at, err := tx.q.EarlierOffer(ctx, sqlcgen.EarlierOfferParams{DeviceID: deviceID, Offset: int32(min(max(n, 1), MaxPage)) - 1}) //nolint:gosec // bounded
	if err = wrap(err, "find an earlier offer"); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return moment(at), err
}

// PlannedAt lists whispers in which a device has a turn that it was never
// offered. Index hops_seq.
func (tx *Tx) PlannedAt(ctx context.Context, deviceID string, limit int) ([]string, error) {
	ids, err := tx.q.PlannedAt(ctx, sqlcgen.PlannedAtParams{DeviceID: deviceID, Limit: page(limit)})
	return ids, wrap(err, "list a device's planned turns")
}

// OfferRow is a hop as its box has to know of it, with what of the whisper matters there.
type OfferRow struct {
	Hop        model.Hop
	ProjectID  string
	Title      string
	State      model.WhisperState // of the whisper
	Forwarding model.Forwarding
	Hold       time.Duration
}

// OffersSince lists the hops of a device that changed after seq, in the order
// of their changes (index hops_seq); for seq 0 those that are at the box now
// (index hops_at_box), as an empty box needs no history.
func (tx *Tx) OffersSince(ctx context.Context, deviceID string, seq int64, limit int) ([]OfferRow, error) {
	if seq == 0 {
		rows, err := tx.q.OffersAtBox(ctx, sqlcgen.OffersAtBoxParams{DeviceID: deviceID, Limit: page(limit)})
		if err != nil {
			return nil, wrap(err, "list a device's offers")
		}
		return list(rows, func(r sqlcgen.OffersAtBoxRow) (OfferRow, error) { return offerOf(sqlcgen.OffersSinceRow(r)) })
	}
	rows, err := tx.q.OffersSince(ctx, sqlcgen.OffersSinceParams{DeviceID: deviceID, Seq: seq, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a device's offers")
	}
	return list(rows, offerOf)
}

func offerOf(r sqlcgen.OffersSinceRow) (OfferRow, error) {
	h, err := hopOf(r.Hop)
	return OfferRow{h, r.ProjectID, r.Title, model.WhisperState(r.State), model.Forwarding(r.Forwarding), span(r.HoldUs)}, err
}
