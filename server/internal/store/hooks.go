package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func hookOf(r sqlcgen.Hook) (model.Hook, error) {
	h := model.Hook{ID: r.ID, ProjectID: r.ProjectID, URL: r.Url, CreatedBy: r.CreatedBy, CreatedAt: moment(r.CreatedAt), DisabledAt: moment(r.DisabledAt)}
	if r.Kinds != "" {
		h.Kinds = strings.Split(r.Kinds, ",")
	}
	return h, nil
}

func deliveryOf(r sqlcgen.Delivery) (model.Delivery, error) {
	return model.Delivery{ID: r.ID, HookID: r.HookID, ProjectID: r.ProjectID, EventID: r.EventID, ReplayOf: r.ReplayOf, Body: r.Body,
		State: model.DeliveryState(r.State), Attempts: int(r.Attempts), Status: int(r.Status), LastError: r.LastError,
		CreatedAt: moment(r.CreatedAt), DoneAt: moment(r.DoneAt), DueAt: moment(r.DueAt)}, nil
}

// CreateHook keeps a new hook.
func (tx *Tx) CreateHook(ctx context.Context, h model.Hook) error {
	return wrap(tx.q.InsertHook(ctx, sqlcgen.InsertHookParams{ID: h.ID, ProjectID: h.ProjectID, Url: h.URL,
		Kinds: strings.Join(h.Kinds, ","), CreatedBy: h.CreatedBy, CreatedAt: micros(h.CreatedAt)}), "create a hook")
}

// Hook finds a hook.
func (tx *Tx) Hook(ctx context.Context, id string) (model.Hook, error) {
	r, err := tx.q.Hook(ctx, id)
	if err != nil {
		return model.Hook{}, wrap(err, "find a hook")
	}
	return hookOf(r)
}

// HooksOfProject lists a project's hooks, oldest first. Index hooks_project.
func (tx *Tx) HooksOfProject(ctx context.Context, projectID string) ([]model.Hook, error) {
	rows, err := tx.q.HooksOfProject(ctx, sqlcgen.HooksOfProjectParams{ProjectID: projectID, Limit: page(MaxPage)})
	if err != nil {
		return nil, wrap(err, "list hooks")
	}
	return list(rows, hookOf)
}

// DisableHook switches a hook off at a time, and on again with the zero time.
func (tx *Tx) DisableHook(ctx context.Context, id string, at time.Time) error {
	return wrap(tx.q.DisableHook(ctx, sqlcgen.DisableHookParams{DisabledAt: micros(at), ID: id}), "switch a hook off")
}

// DeleteHook forgets a hook and all that it was told. Index deliveries_hook.
func (tx *Tx) DeleteHook(ctx context.Context, id string) error {
	return wrap(errors.Join(tx.q.DeleteHook(ctx, id), tx.q.DeleteDeliveriesOfHook(ctx, id)), "forget a hook")
}

// AddDelivery queues a message; it is due at once.
func (tx *Tx) AddDelivery(ctx context.Context, d model.Delivery) error {
	return wrap(tx.q.InsertDelivery(ctx, sqlcgen.InsertDeliveryParams{ID: d.ID, HookID: d.HookID, ProjectID: d.ProjectID, EventID: d.EventID,
		ReplayOf: d.ReplayOf, Body: d.Body, CreatedAt: micros(d.CreatedAt), DueAt: micros(d.CreatedAt)}), "queue a hook's message")
}

// Delivery finds a message.
func (tx *Tx) Delivery(ctx context.Context, id string) (model.Delivery, error) {
	r, err := tx.q.Delivery(ctx, id)
	if err != nil {
		return model.Delivery{}, wrap(err, "find a hook's message")
	}
	return deliveryOf(r)
}

// Deliveries lists a hook's messages, newest first. Index deliveries_hook.
func (tx *Tx) Deliveries(ctx context.Context, hookID, after string, limit int) ([]model.Delivery, error) {
	rows, err := tx.q.DeliveriesOfHook(ctx, sqlcgen.DeliveriesOfHookParams{HookID: hookID, BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a hook's messages")
	}
	return list(rows, deliveryOf)
}

// LeaseDelivery gives the message that is due longest to one worker until the
// lease ends; ok is false where none is due. Index deliveries_due.
func (tx *Tx) LeaseDelivery(ctx context.Context, now, until time.Time, worker string) (d model.Delivery, ok bool, err error) {
	r, err := tx.q.DueDelivery(ctx, micros(now))
	if errors.Is(err, sql.ErrNoRows) {
		if r, err = tx.q.DueDelivery(ctx, math.MaxInt64); err == nil && r.DueAt <= micros(now.Add(farthest)) {
			return d, false, nil
		}
	}
	if err = wrap(err, "find a hook's message"); errors.Is(err, ErrNotFound) {
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	n, err := tx.q.LeaseDelivery(ctx, sqlcgen.LeaseDeliveryParams{LeaseEnd: micros(until), Worker: worker, ID: r.ID, SeenDue: r.DueAt})
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return d, false, wrap(err, "lease a hook's message")
	}
	d, err = deliveryOf(r)
	return d, err == nil, err
}

// SaveDelivery notes what became of a message; false where the lease went to
// another worker.
func (tx *Tx) SaveDelivery(ctx context.Context, d model.Delivery, worker string) (bool, error) {
	n, err := tx.q.SaveDelivery(ctx, sqlcgen.SaveDeliveryParams{State: string(d.State), Attempts: int64(d.Attempts), Status: int64(d.Status),
		LastError: shorten(d.LastError), DoneAt: micros(d.DoneAt), DueAt: micros(d.DueAt), ID: d.ID, Worker: worker})
	return n == 1, wrap(err, "keep what became of a hook's message")
}

// putOff bounds how many messages are put off at once; the next ones are when it
// is their turn.
const putOff = 200

// PutOffDeliveries lets what is due for a hook now wait until a time. Index
// deliveries_due, then the primary key.
func (tx *Tx) PutOffDeliveries(ctx context.Context, hookID string, now, till time.Time) error {
	due, err := tx.q.DueDeliveries(ctx, sqlcgen.DueDeliveriesParams{At: micros(now), Limit: putOff})
	for _, d := range due {
		if d.HookID == hookID && err == nil {
			err = tx.q.PutOffDelivery(ctx, sqlcgen.PutOffDeliveryParams{Till: micros(till), ID: d.ID, At: micros(now)})
		}
	}
	return wrap(err, "put a hook's messages off")
}

// NextDelivery is when the next message is due; zero: none waits. Index deliveries_due.
func (tx *Tx) NextDelivery(ctx context.Context) (time.Time, error) {
	us, err := tx.q.NextDelivery(ctx)
	if err = wrap(err, "find the next message of a hook"); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return moment(us), err
}

// PurgeDeliveries forgets the messages that were made before a time and are
// done with. Their ids sort by age; older ones than these were forgotten before.
// Index deliveries_due or the primary key.
func (tx *Tx) PurgeDeliveries(ctx context.Context, before time.Time) (int64, error) {
	ms := fmt.Sprintf("%012x", before.UnixMilli())
	n, err := tx.q.PurgeDeliveries(ctx, ms[:8]+"-"+ms[8:])
	return n, wrap(err, "forget old messages of hooks")
}
