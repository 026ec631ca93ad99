package relay

import (
	"context"
	"errors"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// EventsSince lists a project's events after a number, oldest first. Numbers
// become visible in their order, without gaps: who goes on from the last one
// that it saw misses nothing and meets nothing twice.
func (s *Service) EventsSince(ctx context.Context, actor model.Actor, project string, since int64, limit int) ([]model.Event, error) {
	var events []model.Event
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = s.projectOf(ctx, tx, actor, project, model.See); err != nil {
			return err
		}
		events, err = tx.EventsOfProjectAfter(ctx, project, since, limit)
		return err
	})
	return events, err
}

// LastEvent is the number of a project's last event; 0: there is none yet.
func (s *Service) LastEvent(ctx context.Context, actor model.Actor, project string) (int64, error) {
	var last int64
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = s.projectOf(ctx, tx, actor, project, model.See); err != nil {
			return err
		}
		last, err = tx.LastEvent(ctx, project)
		return err
	})
	return last, err
}

// FileByID loads the description of one file of a whisper that the actor may
// hear and see.
func (s *Service) FileByID(ctx context.Context, actor model.Actor, whisper, id string) (model.File, error) {
	var f model.File
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if _, _, err := s.whisperOf(ctx, tx, actor, whisper, model.Hear); err != nil {
			return err
		}
		var err error
		if f, err = tx.FileByID(ctx, id); errors.Is(err, store.ErrNotFound) || err == nil && f.WhisperID != whisper {
			return model.NotFound("file")
		}
		return err
	})
	return f, err
}

// ListBoxes is Boxes for programs, whose tokens may not be made for it.
func (s *Service) ListBoxes(ctx context.Context, actor model.Actor, after, search string, limit int) ([]model.Device, error) {
	if err := allow(actor, model.SeeBoxes); err != nil {
		return nil, err
	}
	return s.Boxes(ctx, after, search, limit)
}

// OneBox loads one box.
func (s *Service) OneBox(ctx context.Context, actor model.Actor, id string) (model.Device, error) {
	if err := allow(actor, model.SeeBoxes); err != nil {
		return model.Device{}, err
	}
	var d model.Device
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if d, err = tx.Device(ctx, id); errors.Is(err, store.ErrNotFound) {
			err = model.NotFound("box")
		}
		return err
	})
	return d, err
}
