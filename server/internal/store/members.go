package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func memberOf(r sqlcgen.Member) model.Member {
	return model.Member{ProjectID: r.ProjectID, UserID: r.UserID, Role: model.ProjectRole(r.Role), AddedBy: r.AddedBy,
		AddedAt: moment(r.AddedAt), ExpiresAt: moment(r.ExpiresAt)}
}

// AddMember gives a person a part in a project; a second one is ErrExists.
func (tx *Tx) AddMember(ctx context.Context, m model.Member) error {
	return wrap(tx.q.InsertMember(ctx, sqlcgen.InsertMemberParams{ProjectID: m.ProjectID, UserID: m.UserID, Role: string(m.Role),
		AddedBy: m.AddedBy, AddedAt: micros(m.AddedAt), ExpiresAt: micros(m.ExpiresAt)}), "add a member")
}

// Member finds a person's part in a project.
func (tx *Tx) Member(ctx context.Context, projectID, userID string) (model.Member, error) {
	r, err := tx.q.Member(ctx, sqlcgen.MemberParams{ProjectID: projectID, UserID: userID})
	return memberOf(r), wrap(err, "find a member")
}

// MemberRow is a member with the account's name and address.
type MemberRow struct {
	model.Member
	Email    string
	Name     string
	Disabled bool
}

// Members lists the people of a project, from after the user id given.
func (tx *Tx) Members(ctx context.Context, projectID string, limit int, after string) ([]MemberRow, error) {
	rows, err := tx.q.Members(ctx, sqlcgen.MembersParams{ProjectID: projectID, AfterUser: after, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list members")
	}
	return list(rows, func(r sqlcgen.MembersRow) (MemberRow, error) {
		return MemberRow{memberOf(r.Member), r.Email, r.Name, r.DisabledAt != 0}, nil
	})
}

// UpdateMember keeps another role or end.
func (tx *Tx) UpdateMember(ctx context.Context, projectID, userID string, role model.ProjectRole, expires time.Time) error {
	n, err := tx.q.UpdateMember(ctx, sqlcgen.UpdateMemberParams{Role: string(role), ExpiresAt: micros(expires), ProjectID: projectID, UserID: userID})
	return one(n, err, "change a member")
}

// DeleteMember ends a person's part.
func (tx *Tx) DeleteMember(ctx context.Context, projectID, userID string) error {
	n, err := tx.q.DeleteMember(ctx, sqlcgen.DeleteMemberParams{ProjectID: projectID, UserID: userID})
	return one(n, err, "end a member's part")
}
