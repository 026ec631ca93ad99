package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func mailOf(r sqlcgen.Mail) (model.Mail, error) {
	return model.Mail{ID: r.ID, WhisperID: r.WhisperID, To: r.Recipient, Subject: r.Subject, Text: r.BodyText, HTML: r.BodyHtml,
		MessageID: r.MessageID, State: model.MailState(r.State), Attempts: int(r.Attempts), NextAt: moment(r.NextAt),
		LastError: r.LastError, CreatedAt: moment(r.CreatedAt), SentAt: moment(r.SentAt),
		ProjectID: r.ProjectID, Kind: r.Kind, ReplyTo: r.ReplyTo, SenderName: r.SenderName}, nil
}

// AddMail queues a mail, due at NextAt or, where that is zero, at CreatedAt.
// onceKey says what it is for: a second mail for the same is ErrExists (KeyMailOnce).
func (tx *Tx) AddMail(ctx context.Context, m model.Mail, onceKey string) error {
	if m.NextAt.IsZero() {
		m.NextAt = m.CreatedAt
	}
	return wrap(tx.q.InsertMail(ctx, sqlcgen.InsertMailParams{ID: m.ID, OnceKey: onceKey, WhisperID: m.WhisperID, Recipient: m.To,
		Subject: m.Subject, BodyText: m.Text, BodyHtml: m.HTML, MessageID: m.MessageID, State: string(model.MailQueued),
		Attempts: int64(m.Attempts), NextAt: micros(m.NextAt), LastError: m.LastError, CreatedAt: micros(m.CreatedAt),
		DueAt: max(micros(m.NextAt), 1), ProjectID: m.ProjectID, Kind: m.Kind, ReplyTo: m.ReplyTo, SenderName: m.SenderName}), "queue a mail")
}

// farthest is further ahead than any retry or lease is set. What is due later
// was queued by a clock that has been set back since: it is due when nothing else
// waits.
const farthest = 24 * time.Hour

// LeaseMail gives the mail that is due longest to one worker until the lease
// ends; ok is false where none is due. A worker that dies leaves the mail to
// the next one then. Index mails_due.
func (tx *Tx) LeaseMail(ctx context.Context, now, until time.Time, worker string) (m *model.Mail, ok bool, err error) {
	r, err := tx.q.DueMail(ctx, micros(now))
	if errors.Is(err, sql.ErrNoRows) {
		if r, err = tx.q.DueMail(ctx, math.MaxInt64); err == nil && r.DueAt <= micros(now.Add(farthest)) {
			return nil, false, nil
		}
	}
	if err = wrap(err, "find a due mail"); errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	n, err := tx.q.LeaseMail(ctx, sqlcgen.LeaseMailParams{LeaseEnd: micros(until), Worker: worker, ID: r.ID, SeenDue: r.DueAt})
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return nil, false, wrap(err, "lease a mail")
	}
	out, err := mailOf(r)
	return &out, err == nil, err
}

// NextMail says when the next mail is due, or a worker's lease ends; the zero
// time where none waits. Index mails_due.
func (tx *Tx) NextMail(ctx context.Context) (time.Time, error) {
	due, err := tx.q.NextMail(ctx)
	if err = wrap(err, "find the next mail"); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return moment(due), err
}

// MailDone notes that a mail was sent, also one that had been given up. Doing it
// again changes nothing.
func (tx *Tx) MailDone(ctx context.Context, id string, at time.Time) error {
	n, err := tx.q.MailDone(ctx, sqlcgen.MailDoneParams{At: micros(at), ID: id})
	return tx.mailChanged(ctx, id, n, err, "note a mail as sent")
}

// MailRetry notes a failed attempt and when the next one is due. A mail that
// another worker sent meanwhile stays sent.
func (tx *Tx) MailRetry(ctx context.Context, id string, attempts int, next time.Time, lastError string) error {
	n, err := tx.q.MailRetry(ctx, sqlcgen.MailRetryParams{Attempts: int64(attempts), Next: max(micros(next), 1),
		LastError: shorten(lastError), ID: id})
	return tx.mailChanged(ctx, id, n, err, "queue a mail again")
}

// MailFailed gives a mail up. A mail that another worker sent meanwhile stays sent.
func (tx *Tx) MailFailed(ctx context.Context, id string, attempts int, lastError string) error {
	n, err := tx.q.MailFailed(ctx, sqlcgen.MailFailedParams{Attempts: int64(attempts), LastError: shorten(lastError), ID: id})
	return tx.mailChanged(ctx, id, n, err, "give a mail up")
}

func (tx *Tx) mailChanged(ctx context.Context, id string, rows int64, err error, what string) error {
	if err == nil && rows == 0 {
		_, err = tx.q.Mail(ctx, id)
	}
	return wrap(err, what)
}

// shorten cuts a mail server's words to what the column holds, in whole runes.
func shorten(s string) string {
	runes := []rune(strings.ToValidUTF8(s, "?"))
	if len(runes) > 499 {
		return string(runes[:499]) + "…"
	}
	return string(runes)
}

// MailsByWhisper lists a whisper's mails, oldest first. Index mails_whisper.
func (tx *Tx) MailsByWhisper(ctx context.Context, whisperID string) ([]model.Mail, error) {
	rows, err := tx.q.MailsByWhisper(ctx, whisperID)
	if err != nil {
		return nil, wrap(err, "list a whisper's mails")
	}
	return list(rows, mailOf)
}
