package relay

import (
	"context"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Allowed reports whether the actor may do something in a project: nil, or the
// refusal that a page shows.
func (s *Service) Allowed(ctx context.Context, actor model.Actor, project string, verb model.Verb) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		_, err := s.projectOf(ctx, tx, actor, project, verb)
		return err
	})
}
