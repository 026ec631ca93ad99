package store

import (
	"context"
	"math"
	"slices"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// MailedOnce reports whether there is a mail for this purpose; see AddMail.
// Index mails_once_key.
func (tx *Tx) MailedOnce(ctx context.Context, onceKey string) (bool, error) {
	n, err := tx.q.MailedOnce(ctx, onceKey)
	return n > 0, wrap(err, "look for a mail")
}

// MailsFor lists the mails of one purpose, whose keys begin with it and a
// colon. Index mails_once_key.
func (tx *Tx) MailsFor(ctx context.Context, purpose string) ([]model.Mail, error) {
	rows, err := tx.q.MailsOnceBetween(ctx, sqlcgen.MailsOnceBetweenParams{Low: purpose + ":", High: purpose + ";", Limit: page(MaxPage)})
	if err != nil {
		return nil, wrap(err, "list a purpose's mails")
	}
	return list(rows, mailOf)
}

// Mail finds a mail.
func (tx *Tx) Mail(ctx context.Context, id string) (model.Mail, error) {
	r, err := tx.q.Mail(ctx, id)
	if err != nil {
		return model.Mail{}, wrap(err, "find a mail")
	}
	return mailOf(r)
}

// Mails lists the mails of a project, or of all for "", newest first, from
// after the id given, without what they say. Index mails_project, or the
// primary key.
func (tx *Tx) Mails(ctx context.Context, project string, limit int, after string) ([]model.Mail, error) {
	var rows []sqlcgen.MailsAllRow
	var err error
	if project == "" {
		rows, err = tx.q.MailsAll(ctx, sqlcgen.MailsAllParams{BeforeID: before(after), Limit: page(limit)})
	} else {
		var some []sqlcgen.MailsOfProjectRow
		some, err = tx.q.MailsOfProject(ctx, sqlcgen.MailsOfProjectParams{ProjectID: project, BeforeID: before(after), Limit: page(limit)})
		for _, r := range some {
			rows = append(rows, sqlcgen.MailsAllRow(r))
		}
	}
	if err != nil {
		return nil, wrap(err, "list mails")
	}
	return list(rows, func(r sqlcgen.MailsAllRow) (model.Mail, error) {
		return model.Mail{ID: r.ID, ProjectID: r.ProjectID, WhisperID: r.WhisperID, Kind: r.Kind, To: r.Recipient, Subject: r.Subject,
			State: model.MailState(r.State), Attempts: int(r.Attempts), NextAt: moment(r.NextAt), LastError: r.LastError,
			CreatedAt: moment(r.CreatedAt), SentAt: moment(r.SentAt)}, nil
	})
}

// FailedMails counts how many of a project's newest mails were given up. Index
// mails_project.
func (tx *Tx) FailedMails(ctx context.Context, project string, newest int) (int, error) {
	n, err := tx.q.FailedAmongNewest(ctx, sqlcgen.FailedAmongNewestParams{ProjectID: project, Limit: page(newest)})
	return int(n), wrap(err, "count mails that failed")
}

// MailAgain queues a mail that had been given up; ok is false for any other.
func (tx *Tx) MailAgain(ctx context.Context, id string, at time.Time) (ok bool, err error) {
	n, err := tx.q.MailAgain(ctx, sqlcgen.MailAgainParams{At: max(micros(at), 1), ID: id})
	return n > 0, wrap(err, "queue a mail once more")
}

// UsersInRole lists the users of a role, from after the id given. Index users_role.
func (tx *Tx) UsersInRole(ctx context.Context, role model.Role, after string, limit int) ([]model.User, error) {
	rows, err := tx.q.UsersInRole(ctx, sqlcgen.UsersInRoleParams{Role: string(role), AfterID: after, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list users")
	}
	return list(rows, userOf)
}

// TellSilent notes when somebody was told that a device is silent, the zero
// time that it is heard again; ok is false where another server did before.
func (tx *Tx) TellSilent(ctx context.Context, d model.Device, at time.Time) (ok bool, err error) {
	n, err := tx.q.TellSilent(ctx, sqlcgen.TellSilentParams{At: micros(at), ID: d.ID, SeenTold: micros(d.SilentToldAt)})
	return n > 0, wrap(err, "note a silent device")
}

// WhispersWaitingFor lists the whispers whose turn it is at a device: offered
// there, or next in its queue. Indexes hops_at_box and hops_queued.
func (tx *Tx) WhispersWaitingFor(ctx context.Context, device string, limit int) ([]string, error) {
	ids, err := tx.q.WhispersAtBox(ctx, sqlcgen.WhispersAtBoxParams{DeviceID: device, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a device's whispers")
	}
	queued, err := tx.q.WhispersQueuedFor(ctx, sqlcgen.WhispersQueuedForParams{DeviceID: device, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a device's whispers")
	}
	for _, id := range queued {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// EventsOfProjectBefore lists a project's numbered events, newest first, from
// before a number; 0 is from the newest on. Index events_project.
func (tx *Tx) EventsOfProjectBefore(ctx context.Context, projectID string, seq int64, limit int) ([]model.Event, error) {
	if seq <= 0 {
		seq = math.MaxInt64
	}
	rows, err := tx.q.EventsOfProjectBefore(ctx, sqlcgen.EventsOfProjectBeforeParams{ProjectID: projectID, BeforeSeq: seq, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a project's events")
	}
	return list(rows, eventOf)
}
