package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// HookMessage is the body of a message to a hook. It names things and has no
// content: who wants that asks the API with a token.
type HookMessage struct {
	ID       string    `json:"id"` // of the event: the same when it is sent again
	Type     string    `json:"type"`
	Project  string    `json:"project"`
	Whisper  string    `json:"whisper,omitempty"`
	Hop      string    `json:"hop,omitempty"`
	Position int       `json:"position,omitempty"`
	Box      string    `json:"box,omitempty"`
	At       time.Time `json:"at"`
	Seq      int64     `json:"seq"`
}

// queueDeliveries writes the hooks' messages in the transaction that writes the
// events: no event without its message, no message without its event. A project
// without hooks costs one look at an index.
func (w *work) queueDeliveries(ctx context.Context) error {
	hooks := map[string][]model.Hook{}
	for _, e := range w.events {
		if e.ProjectID == "" {
			continue
		}
		list, ok := hooks[e.ProjectID]
		if !ok {
			var err error
			if list, err = w.HooksOfProject(ctx, e.ProjectID); err != nil {
				return err
			}
			hooks[e.ProjectID] = list
		}
		for _, h := range list {
			if !h.Wants(e.Kind) {
				continue
			}
			if err := w.tellHook(ctx, h, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) tellHook(ctx context.Context, h model.Hook, e model.Event) error {
	m := HookMessage{ID: e.ID, Type: e.Kind, Project: e.ProjectID, Whisper: e.WhisperID, Hop: e.HopID, Box: e.DeviceID, At: e.At.UTC(), Seq: e.Seq}
	if e.HopID != "" {
		wh, err := w.Whisper(ctx, e.WhisperID)
		if err != nil {
			return err
		}
		if hop, ok := wh.HopByID(e.HopID); ok {
			m.Position = hop.Position
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("relay: write a hook's message: %w", err)
	}
	return w.AddDelivery(ctx, model.Delivery{
		ID: store.NewID(), HookID: h.ID, ProjectID: h.ProjectID, EventID: e.ID, Body: string(text), CreatedAt: w.now,
	})
}

// CreateHook adds an address that is told of a project's events.
func (s *Service) CreateHook(ctx context.Context, actor model.Actor, h model.Hook) (model.Hook, error) {
	if err := model.CheckHook(h.URL, h.Kinds); err != nil {
		return h, err
	}
	err := s.do(ctx, func(w *work) error {
		if _, err := s.projectOf(ctx, w.Tx, actor, h.ProjectID, model.Settle); err != nil {
			return err
		}
		old, err := w.HooksOfProject(ctx, h.ProjectID)
		if err != nil {
			return err
		}
		if len(old) >= model.MaxHooks {
			return model.TooManyHooks()
		}
		h.ID, h.CreatedBy, h.CreatedAt = store.NewID(), actor.UserID, w.now
		return w.CreateHook(ctx, h)
	})
	return h, err
}

// Hooks lists a project's hooks.
func (s *Service) Hooks(ctx context.Context, actor model.Actor, project string) ([]model.Hook, error) {
	var hooks []model.Hook
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := s.projectOf(ctx, tx, actor, project, model.Settle)
		if err == nil {
			hooks, err = tx.HooksOfProject(ctx, project)
		}
		return err
	})
	return hooks, err
}

func (s *Service) hookOf(ctx context.Context, tx *store.Tx, actor model.Actor, id string) (model.Hook, error) {
	h, err := tx.Hook(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return h, model.NoHook()
	}
	if err != nil {
		return h, err
	}
	if _, err = s.projectOf(ctx, tx, actor, h.ProjectID, model.Settle); err != nil {
		if e, refused := model.AsError(err); refused && e.Code != model.Forbidden(model.Settle).Code {
			err = model.NoHook()
		}
		return model.Hook{}, err
	}
	return h, nil
}

// Deliveries lists what a hook was told, newest first.
func (s *Service) Deliveries(ctx context.Context, actor model.Actor, hook, after string, limit int) (h model.Hook, list []model.Delivery, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if h, err = s.hookOf(ctx, tx, actor, hook); err != nil {
			return err
		}
		list, err = tx.Deliveries(ctx, hook, after, limit)
		return err
	})
	return h, list, err
}

// DeleteHook forgets a hook and its log.
func (s *Service) DeleteHook(ctx context.Context, actor model.Actor, id string) (h model.Hook, err error) {
	err = s.do(ctx, func(w *work) (err error) {
		if h, err = s.hookOf(ctx, w.Tx, actor, id); err != nil {
			return err
		}
		return w.DeleteHook(ctx, id)
	})
	return h, err
}

// SwitchHook switches a hook on or off. What happens while it is off is not
// kept for it.
func (s *Service) SwitchHook(ctx context.Context, actor model.Actor, id string, on bool) (h model.Hook, err error) {
	err = s.do(ctx, func(w *work) (err error) {
		if h, err = s.hookOf(ctx, w.Tx, actor, id); err != nil || h.DisabledAt.IsZero() == on {
			return err
		}
		if h.DisabledAt = w.now; on {
			h.DisabledAt = time.Time{}
		}
		return w.DisableHook(ctx, id, h.DisabledAt)
	})
	return h, err
}

// TestHook queues a message that only tries the address.
func (s *Service) TestHook(ctx context.Context, actor model.Actor, id string) (h model.Hook, d model.Delivery, err error) {
	err = s.do(ctx, func(w *work) (err error) {
		if h, err = s.hookOf(ctx, w.Tx, actor, id); err != nil {
			return err
		}
		event := store.NewID()
		text, err := json.Marshal(HookMessage{ID: event, Type: model.HookTest, Project: h.ProjectID, At: w.now.UTC()})
		if err != nil {
			return fmt.Errorf("relay: write a hook's message: %w", err)
		}
		d = model.Delivery{ID: store.NewID(), HookID: id, ProjectID: h.ProjectID, EventID: event, Body: string(text), State: model.DeliveryQueued, CreatedAt: w.now}
		project := h.ProjectID
		w.after(func(t Teller) { t.Happened(project) })
		return w.AddDelivery(ctx, d)
	})
	return h, d, err
}

// Replay sends a message once more, whatever became of it. It keeps its body and
// its event's id, so that the other side can tell that it knows it.
func (s *Service) Replay(ctx context.Context, actor model.Actor, delivery string) (h model.Hook, d model.Delivery, err error) {
	err = s.do(ctx, func(w *work) error {
		old, err := w.Delivery(ctx, delivery)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("message")
		}
		if err != nil {
			return err
		}
		if h, err = s.hookOf(ctx, w.Tx, actor, old.HookID); err != nil {
			return err
		}
		id := store.NewID()
		// Its own id makes it another one than every replay before.
		d = model.Delivery{ID: id, HookID: old.HookID, ProjectID: old.ProjectID, EventID: old.EventID, ReplayOf: id, Body: old.Body, State: model.DeliveryQueued, CreatedAt: w.now}
		project := h.ProjectID
		w.after(func(t Teller) { t.Happened(project) })
		return w.AddDelivery(ctx, d)
	})
	return h, d, err
}

// NextDelivery gives a worker the message that is due longest, with its hook;
// where none is due, when the next one will be. A message whose hook is gone or
// off is given up on the way.
func (s *Service) NextDelivery(ctx context.Context, worker string, lease time.Duration) (d model.Delivery, h model.Hook, ok bool, next time.Time, err error) {
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		now := s.now()
		for {
			if d, ok, err = tx.LeaseDelivery(ctx, now, now.Add(lease), worker); err != nil {
				return err
			}
			if !ok {
				next, err = tx.NextDelivery(ctx)
				return err
			}
			if h, err = tx.Hook(ctx, d.HookID); err == nil && h.DisabledAt.IsZero() {
				return nil
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			d.State, d.LastError, d.DoneAt, d.DueAt = model.DeliveryFailed, "The hook was switched off.", now, time.Time{}
			if _, err := tx.SaveDelivery(ctx, d, worker); err != nil {
				return err
			}
		}
	})
	return d, h, ok && err == nil, next, err
}

// hookPause is how long the other messages to an address wait that did not answer:
// each would keep a sender from other addresses until its time-out.
const hookPause = time.Minute

// FinishDelivery notes what became of one try. What failed comes again later;
// when it is given up, the hook is switched off: nobody has answered for days.
func (s *Service) FinishDelivery(ctx context.Context, d model.Delivery, worker string, status int, failure string) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		now := s.now()
		d := d
		d.Attempts++
		d.Status, d.LastError, d.DueAt = status, failure, time.Time{}
		giveUp := false
		if failure == "" {
			d.State, d.DoneAt = model.DeliveryDone, now
		} else if at, again := d.NextTry(now); again {
			d.DueAt = at
		} else {
			d.State, d.DoneAt, giveUp = model.DeliveryFailed, now, true
		}
		if failure != "" && status == 0 {
			if err := tx.PutOffDeliveries(ctx, d.HookID, now, now.Add(hookPause)); err != nil {
				return err
			}
		}
		saved, err := tx.SaveDelivery(ctx, d, worker)
		if err != nil || !saved || !giveUp {
			return err
		}
		return tx.DisableHook(ctx, d.HookID, now)
	})
}

// DeliveriesKept is how long the log of a hook goes back.
const DeliveriesKept = 30 * 24 * time.Hour

// PurgeDeliveries forgets what hooks were told longer ago than DeliveriesKept.
func (s *Service) PurgeDeliveries(ctx context.Context) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.PurgeDeliveries(ctx, s.now().Add(-DeliveriesKept))
		return err
	})
}
