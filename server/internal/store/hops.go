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
	travels := w.State == model.WhisperTravelling
	if travels && h.State == model.HopPlanned {
		r.QueuedAt = r.ReadyAt
	}
	if travels && h.State == model.HopHeld {
		r.DueAt = r.HoldUntil
	}
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
// a whisper that travels. Index hops_queued. After ReleaseDevice in the same
// transaction it misses none.
func (tx *Tx) NextReadyHop(ctx context.Context, deviceID string) (hopID, whisperID string, ok bool, err error) {
	r, err := tx.q.NextReadyHop(ctx, deviceID)
	if err = wrap(err, "find a device's next hop"); errors.Is(err, ErrNotFound) {
		return "", "", false, nil
	}
	return r.ID, r.WhisperID, err == nil, err
}

// IdleDevicesWithTurn lists devices that serve no hop although one waits for
// them. Index hops_waiting: it meets all hops that wait now, and no others.
func (tx *Tx) IdleDevicesWithTurn(ctx context.Context, limit int) ([]string, error) {
	ids, err := tx.q.IdleDevicesWithTurn(ctx, page(limit))
	return ids, wrap(err, "list idle devices with a turn")
}

// HopRef is a held hop whose pause has an end.
type HopRef struct {
	HopID     string
	WhisperID string
	Position  int
	HoldUntil time.Time
}

// DueHeld lists held hops of travelling whispers whose pause has ended by now,
// oldest first. Index hops_due.
func (tx *Tx) DueHeld(ctx context.Context, now time.Time, limit int) ([]HopRef, error) {
	rows, err := tx.q.DueHeld(ctx, sqlcgen.DueHeldParams{At: micros(now), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list hops whose pause ended")
	}
	return list(rows, func(r sqlcgen.DueHeldRow) (HopRef, error) {
		return HopRef{r.ID, r.WhisperID, int(r.Position), moment(r.DueAt)}, nil
	})
}

// NextHeld says when the next pause of a travelling whisper ends; the zero time
// where none does. Index hops_due.
func (tx *Tx) NextHeld(ctx context.Context) (time.Time, error) {
	due, err := tx.q.NextHeld(ctx)
	if err = wrap(err, "find the next pause's end"); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return moment(due), err
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
