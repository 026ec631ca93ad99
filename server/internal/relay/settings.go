package relay

import (
	"context"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// ChangeProject keeps a project's title, way to forward and settings. Whispers
// that are on their way keep what they took along.
func (s *Service) ChangeProject(ctx context.Context, actor model.Actor, id string, change model.Project) error {
	_, err := s.EditProject(ctx, actor, id, func(p *model.Project) {
		p.Title, p.Forwarding, p.Hold, p.Settings = change.Title, change.Forwarding, change.Hold, change.Settings
	})
	return err
}

// EditProject is ChangeProject for some of it: edit gets the project as it is,
// and may be called more than once.
func (s *Service) EditProject(ctx context.Context, actor model.Actor, id string, edit func(*model.Project)) (model.Project, error) {
	var p model.Project
	err := s.do(ctx, func(w *work) (err error) {
		if p, err = s.projectOf(ctx, w.Tx, actor, id, model.Settle); err != nil {
			return err
		}
		change := p
		edit(&change)
		if err := checkSettings(&change); err != nil {
			return err
		}
		p.Title, p.Forwarding, p.Hold, p.Settings = change.Title, change.Forwarding, change.Hold, change.Settings
		w.events = append(w.events, model.Event{ProjectID: id, UserID: actor.UserID, Kind: model.EventSettings, At: w.now})
		return w.UpdateProject(ctx, p)
	})
	return p, err
}

// SettledProject loads a project for who may change its settings.
func (s *Service) SettledProject(ctx context.Context, actor model.Actor, id string) (model.Project, error) {
	var p model.Project
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = s.projectOf(ctx, tx, actor, id, model.Settle)
		return err
	})
	return p, err
}

func checkSettings(p *model.Project) (err error) {
	if p.Title, err = model.CleanTitle("title", p.Title); err != nil {
		return err
	}
	if p.Hold == 0 {
		p.Hold = model.DefaultHold
	}
	if err = model.CheckForwarding(p.Forwarding, p.Hold); err != nil {
		return err
	}
	if err = p.Settings.Check(); err != nil {
		return err
	}
	return CheckZone("zone", p.Settings.Hours.Zone)
}

// CheckZone reports whether a time zone exists.
func CheckZone(field, zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return model.RefuseField(field, "This time zone does not exist.", "Write it like Europe/Berlin.")
	}
	return nil
}
