package relay

import (
	"context"
	"errors"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// allow is the one place that says who may do something on the whole server.
func allow(actor model.Actor, verb model.Verb) error {
	if actor.May(verb) {
		return nil
	}
	return actor.Refusal(verb)
}

// projectOf is the one place that says who may do something in a project. To
// those who have no part in it, it does not exist.
func (s *Service) projectOf(ctx context.Context, tx *store.Tx, actor model.Actor, id string, verb model.Verb) (model.Project, error) {
	p, err := tx.Project(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return p, model.NotFound("project")
	}
	if err != nil {
		return p, err
	}
	if p.As, err = s.partOf(ctx, tx, actor, id); err != nil {
		return p, err
	}
	switch {
	case !actor.MayIn(p, model.See):
		return model.Project{}, model.NotFound("project")
	case !actor.MayIn(p, verb):
		return model.Project{}, actor.Refusal(verb)
	}
	return p, nil
}

// partOf is what the actor is in a project; empty is nothing.
func (s *Service) partOf(ctx context.Context, tx *store.Tx, actor model.Actor, project string) (model.ProjectRole, error) {
	if actor.Admin() {
		return model.ProjectOwner, nil
	}
	m, err := tx.Member(ctx, project, actor.UserID)
	if errors.Is(err, store.ErrNotFound) || err == nil && m.Lapsed(s.now()) {
		return "", nil
	}
	return m.Role, err
}

// whisperOf is projectOf for one of its whispers.
func (s *Service) whisperOf(ctx context.Context, tx *store.Tx, actor model.Actor, id string, verb model.Verb) (model.Whisper, model.Project, error) {
	wh, err := tx.Whisper(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return wh, model.Project{}, model.NotFound("whisper")
	}
	if err != nil {
		return wh, model.Project{}, err
	}
	p, err := s.projectOf(ctx, tx, actor, wh.ProjectID, verb)
	if e, refused := model.AsError(err); refused {
		if e.Code != model.Forbidden(verb).Code {
			err = model.NotFound("whisper")
		}
		return model.Whisper{}, p, err
	}
	return wh, p, err
}
