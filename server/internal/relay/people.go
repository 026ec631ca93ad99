package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// MemberRow is a member with the account's name and address.
type MemberRow = store.MemberRow

// MaxMembers bounds the people of one project.
const MaxMembers = 200

// Members lists a project's people. Everybody with a part in it may see who
// else hears its voices.
func (s *Service) Members(ctx context.Context, actor model.Actor, project string) ([]MemberRow, error) {
	return s.MembersAfter(ctx, actor, project, MaxMembers, "")
}

// MembersAfter is Members from after the person with the id given.
func (s *Service) MembersAfter(ctx context.Context, actor model.Actor, project string, limit int, after string) ([]MemberRow, error) {
	var list []MemberRow
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := s.projectOf(ctx, tx, actor, project, model.See)
		if err == nil {
			list, err = tx.Members(ctx, project, limit, after)
		}
		return err
	})
	return list, err
}

// NoteJoined writes the line of history of a part that somebody got, in the
// transaction that gave it. Call what it returns once that is committed.
func (s *Service) NoteJoined(ctx context.Context, tx *store.Tx, m model.Member) (committed func(), err error) {
	w := &work{Tx: tx, now: s.now().Truncate(time.Microsecond)}
	w.events = append(w.events, model.Event{ProjectID: m.ProjectID, UserID: m.AddedBy, Kind: model.EventJoined, Detail: m.UserID, At: w.now})
	return func() { s.told(w) }, w.keepEvents(ctx)
}

// ChangeMember gives a person another role or end in a project. The last owner
// whose part has no end stays one.
func (s *Service) ChangeMember(ctx context.Context, actor model.Actor, project, user string, role model.ProjectRole, expires time.Time) error {
	if err := checkRole(role); err != nil {
		return err
	}
	_, err := s.EditMember(ctx, actor, project, user, func(m *model.Member) { m.Role, m.ExpiresAt = role, expires })
	return err
}

// EditMember is ChangeMember for some of it: edit gets the part as it is, and
// may be called more than once.
func (s *Service) EditMember(ctx context.Context, actor model.Actor, project, user string, edit func(*model.Member)) (model.Member, error) {
	var now model.Member
	err := s.settlePeople(ctx, actor, project, user, model.EventRoleChanged, func(w *work, m model.Member) error {
		now = m
		edit(&now)
		if err := checkRole(now.Role); err != nil {
			return err
		}
		if m.Role == model.ProjectOwner && (now.Role != model.ProjectOwner || !now.ExpiresAt.IsZero()) {
			if err := anotherOwner(ctx, w, project, user); err != nil {
				return err
			}
		}
		return w.UpdateMember(ctx, project, user, now.Role, now.ExpiresAt)
	})
	return now, err
}

func checkRole(role model.ProjectRole) error {
	if slices.Contains(model.ProjectRoles(), role) {
		return nil
	}
	return model.RefuseField("role", "This role does not exist.", "Choose owner, researcher, moderator or viewer.")
}

// RemoveMember ends a person's part in a project. Who works on it may leave.
func (s *Service) RemoveMember(ctx context.Context, actor model.Actor, project, user string) error {
	return s.settlePeople(ctx, actor, project, user, model.EventLeft, func(w *work, m model.Member) error {
		if m.Role == model.ProjectOwner {
			if err := anotherOwner(ctx, w, project, user); err != nil {
				return err
			}
		}
		return w.DeleteMember(ctx, project, user)
	})
}

func (s *Service) settlePeople(ctx context.Context, actor model.Actor, project, user, kind string, change func(*work, model.Member) error) error {
	verb := model.People
	if kind == model.EventLeft && user == actor.UserID && actor.Token == "" {
		verb = model.See // everybody may leave
	}
	return s.do(ctx, func(w *work) error {
		if _, err := s.projectOf(ctx, w.Tx, actor, project, verb); err != nil {
			return err
		}
		m, err := w.Member(ctx, project, user)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("person")
		}
		if err == nil {
			err = change(w, m)
		}
		w.events = append(w.events, model.Event{ProjectID: project, UserID: actor.UserID, Kind: kind, Detail: user, At: w.now})
		return err
	})
}

// anotherOwner refuses to leave a project without anybody who can settle it.
func anotherOwner(ctx context.Context, w *work, project, but string) error {
	list, err := w.Members(ctx, project, MaxMembers, "")
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.UserID != but && m.Role == model.ProjectOwner && m.ExpiresAt.IsZero() && !m.Disabled {
			return nil
		}
	}
	return model.Refuse(protocol.CodeConflict, "A project keeps one owner whose part does not end.", "Make somebody else an owner first.")
}
