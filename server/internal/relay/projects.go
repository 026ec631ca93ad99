package relay

import (
	"context"
	"slices"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// ProjectRow is a line of a list: a project with its counts.
type ProjectRow = store.ProjectRow

// WhisperRow is a line of a list: a whisper with its progress.
type WhisperRow = store.WhisperRow

// NewKey makes a key that makes a request repeatable; see StartRequest.
func NewKey() string { return store.NewID() }

// CreateProject makes a project that belongs to the actor.
func (s *Service) CreateProject(ctx context.Context, actor model.Actor, p model.Project) (model.Project, error) {
	if err := allow(actor, model.CreateProjects); err != nil {
		return p, err
	}
	var err error
	if p.Title, err = model.CleanTitle("title", p.Title); err != nil {
		return p, err
	}
	if p.Hold == 0 {
		p.Hold = model.DefaultHold
	}
	if p.Settings.Deadlines == (model.Deadlines{}) {
		turns := p.Settings.TurnsPerWeek
		p.Settings = model.DefaultProjectSettings()
		p.Settings.TurnsPerWeek = turns // 0: whoever makes a project says how often a box is asked
	}
	if err = model.CheckForwarding(p.Forwarding, p.Hold); err != nil {
		return p, err
	}
	p.ID, p.OwnerID, p.As = store.NewID(), actor.UserID, model.ProjectOwner
	err = s.do(ctx, func(w *work) error {
		p.CreatedAt = w.now
		if err := w.CreateProject(ctx, p); err != nil {
			return err
		}
		return w.AddMember(ctx, model.Member{ProjectID: p.ID, UserID: actor.UserID, Role: p.As, AddedBy: actor.UserID, AddedAt: w.now})
	})
	return p, err
}

// Projects lists the actor's projects, newest first; an administrator's list
// has everybody's.
func (s *Service) Projects(ctx context.Context, actor model.Actor, after string, limit int) ([]ProjectRow, error) {
	user := actor.UserID
	if actor.Admin() {
		user = ""
	}
	var rows []ProjectRow
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if actor.Project == "" {
			rows, err = tx.Projects(ctx, user, s.now(), limit, after)
			return err
		}
		// A token for one project: the newest that is not newer.
		if rows, err = tx.Projects(ctx, user, s.now(), 1, actor.Project+"~"); err == nil && after != "" && after <= actor.Project {
			rows = nil
		}
		return err
	})
	return slices.DeleteFunc(rows, func(r ProjectRow) bool {
		r.As = model.ProjectOwner // the query asked who has a part in it; left is what the token is for
		return !actor.MayIn(r.Project, model.See)
	}), err
}

// Project loads one project of the actor.
func (s *Service) Project(ctx context.Context, actor model.Actor, id string) (model.Project, error) {
	var p model.Project
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = s.projectOf(ctx, tx, actor, id, model.See)
		return err
	})
	return p, err
}

// Whispers lists a project's whispers, newest first.
func (s *Service) Whispers(ctx context.Context, actor model.Actor, project, after string, limit int) ([]WhisperRow, error) {
	var rows []WhisperRow
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if _, err := s.projectOf(ctx, tx, actor, project, model.See); err != nil {
			return err
		}
		var err error
		rows, err = tx.Whispers(ctx, project, limit, after)
		return err
	})
	return rows, err
}

// View is all that there is to see of one whisper.
type View struct {
	Whisper model.Whisper
	Project model.Project
	Boxes   map[string]model.Device // by id
	Files   []model.File            // seed and accepted or held replies, by position
	Replies []model.Reply
	Mails   []model.Mail
	Events  []model.Event
	// EventsCut: the history is longer than Events.
	EventsCut bool
	// People are the names of those in StartedBy and in Events, by id.
	People map[string]string
}

// maxEvents bounds a page's history: one less than the store lists at once, to
// know whether there are more. A chain of 140 boxes stays within it.
const maxEvents = store.MaxPage - 1

// Whisper loads everything about one whisper of the actor.
func (s *Service) Whisper(ctx context.Context, actor model.Actor, id string) (View, error) {
	return s.look(ctx, actor, id, func(tx *store.Tx, v *View) (err error) {
		if actor.MayIn(v.Project, model.Steer) { // they name people's addresses
			if v.Mails, err = tx.MailsByWhisper(ctx, id); err != nil {
				return err
			}
		}
		if v.Events, err = tx.EventsByWhisper(ctx, id, maxEvents+1); len(v.Events) > maxEvents {
			v.Events, v.EventsCut = v.Events[:maxEvents], true
		}
		if err == nil {
			v.People, err = namesOf(ctx, tx, v.Whisper, v.Events)
		}
		return err
	})
}

// Course is Whisper without its history, its mails and the names of people.
func (s *Service) Course(ctx context.Context, actor model.Actor, id string) (View, error) {
	return s.look(ctx, actor, id, func(*store.Tx, *View) error { return nil })
}

func (s *Service) look(ctx context.Context, actor model.Actor, id string, more func(*store.Tx, *View) error) (View, error) {
	var v View
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v = View{}
		if v.Whisper, v.Project, err = s.whisperOf(ctx, tx, actor, id, model.See); err != nil {
			return err
		}
		var boxes []string
		for _, h := range v.Whisper.Hops {
			boxes = append(boxes, h.DeviceID)
		}
		slices.Sort(boxes)
		if v.Boxes, err = tx.DevicesByID(ctx, slices.Compact(boxes)); err != nil {
			return err
		}
		if v.Files, err = tx.FilesByWhisper(ctx, id); err != nil {
			return err
		}
		if v.Replies, err = tx.RepliesByWhisper(ctx, id); err != nil {
			return err
		}
		return more(tx, &v)
	})
	return v, err
}

// Pause stops a whisper from going on; who has it may still answer. Doing it
// twice is the same as doing it once, as with Resume and End.
func (s *Service) Pause(ctx context.Context, actor model.Actor, id string) error {
	return s.steer(ctx, actor, id, route.Pause{})
}

// Resume lets a paused whisper travel on.
func (s *Service) Resume(ctx context.Context, actor model.Actor, id string) error {
	return s.do(ctx, func(w *work) error {
		wh, _, err := s.whisperOf(ctx, w.Tx, actor, id, model.Steer)
		if err != nil {
			return err
		}
		c, err := s.clockOf(ctx, w.Tx, wh)
		if err != nil {
			return err
		}
		w.by = actor.UserID
		_, err = s.step(ctx, w, wh, route.Resume{Clock: c}, nil)
		return err
	})
}

// End stops a whisper for good.
func (s *Service) End(ctx context.Context, actor model.Actor, id string) error {
	return s.steer(ctx, actor, id, route.End{})
}

func (s *Service) steer(ctx context.Context, actor model.Actor, id string, e route.Event) error {
	return s.do(ctx, func(w *work) error {
		wh, _, err := s.whisperOf(ctx, w.Tx, actor, id, model.Steer)
		if err != nil {
			return err
		}
		w.by = actor.UserID
		_, err = s.step(ctx, w, wh, e, nil)
		return err
	})
}
