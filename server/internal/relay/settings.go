package relay

import (
	"context"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"illumi/server/internal/model"
)

// ChangeProject keeps a project's title, way to forward and settings. Whispers
// that are on their way keep what they took along.
func (s *Service) ChangeProject(ctx context.Context, actor model.Actor, id string, change model.Project) error {
	if err := checkSettings(&change); err != nil {
		return err
	}
	return s.do(ctx, func(w *work) error {
		p, err := s.projectOf(ctx, w.Tx, actor, id, model.Settle)
		if err != nil {
			return err
		}
		p.Title, p.Forwarding, p.Hold, p.Settings = change.Title, change.Forwarding, change.Hold, change.Settings
		w.events = append(w.events, model.Event{ProjectID: id, UserID: actor.UserID, Kind: model.EventSettings, At: w.now})
		return w.UpdateProject(ctx, p)
	})
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
