package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Kinds of mail. There are no others: all else waits for the daily digest
// (people.md W4).
const (
	MailComplete    = "complete"     // a whisper came to its end
	MailNoAnswer    = "no_answer"    // somebody has not answered for long
	MailDecide      = "decide"       // a turn's last deadline passed: a person decides
	MailBoxSilent   = "box_silent"   // a box has not been heard for long
	MailBoxBack     = "box_back"     // it is heard again
	MailBoxFailed   = "box_failed"   // a box reports that it cannot take part
	MailExportReady = "export_ready" // an export can be fetched, or could not be made
	MailWithdrawal  = "withdrawal"   // a box was removed while whispers wait for it
	MailDigest      = "digest"       // what moved since yesterday
	MailTest        = "test"         // somebody tries whether mail works
)

// Composer writes the mails that the rules ask for. It chooses what a letter
// may tell: of News it uses titles, boxes' names, counts and times, and never
// a place, a recording or an address.
type Composer interface {
	// Compose fails for a kind that it does not know, and for nothing that
	// people can type.
	Compose(kind string, n News, to string) (model.Mail, error)
}

// News is what a mail is about; each kind uses a part of it.
type News struct {
	Project model.Project
	Whisper model.Whisper
	Hop     model.Hop
	Box     model.Device
	// Since is when it began to be so.
	Since time.Time
	// Reason says why, in words of this program; never what a person typed.
	Reason string
	Count  int
	// Link is the path of the page that the mail leads to, such as "/whispers/ID".
	Link string
	// Lines are the digest's, one sentence each.
	Lines []string
	// Now is when the mail is written; tellProject and its like set it.
	Now time.Time
}

// tellProject queues a mail to every owner and researcher of the project, and
// to who started the whisper, if any. once says what it is about, such as
// "decide:" and the id of the turn, at most 80 bytes: nobody gets two mails for
// the same. It is a part of the transaction that it tells of.
func (s *Service) tellProject(ctx context.Context, w *work, kind, once string, n News) error {
	people, err := s.readers(ctx, w, n.Project.ID, n.Whisper.StartedBy)
	if err != nil {
		return err
	}
	for _, u := range people {
		if err := s.tell1(ctx, w, u, kind, once, n); err != nil {
			return err
		}
	}
	return nil
}

// tellUser is tellProject for one person; one whose account is over is told nothing.
func (s *Service) tellUser(ctx context.Context, w *work, user, kind, once string, n News) error {
	u, err := w.UserByID(ctx, user)
	if err != nil || u.Ended(w.now) {
		return err
	}
	return s.tell1(ctx, w, u, kind, once, n)
}

// tellAdmins is tellProject for those who look after the server.
func (s *Service) tellAdmins(ctx context.Context, w *work, kind, once string, n News) error {
	for after := ""; ; {
		users, err := w.UsersInRole(ctx, model.RoleAdmin, after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, u := range users {
			if after = u.ID; u.Ended(w.now) {
				continue
			}
			if err := s.tell1(ctx, w, u, kind, once, n); err != nil {
				return err
			}
		}
		if len(users) < store.MaxPage {
			return nil
		}
	}
}

// readers are the people whom a project's mails go to: those who may steer it.
func (s *Service) readers(ctx context.Context, w *work, project, starter string) ([]model.User, error) {
	var people []model.User
	add := func(m model.Member) error {
		if m.Lapsed(w.now) || m.Role != model.ProjectOwner && m.Role != model.ProjectResearcher {
			return nil
		}
		u, err := w.UserByID(ctx, m.UserID)
		if err == nil && !u.Ended(w.now) {
			people = append(people, u)
		}
		return err
	}
	started := starter == ""
	for after := ""; ; {
		rows, err := w.Members(ctx, project, store.MaxPage, after)
		if err != nil {
			return nil, err
		}
		for _, m := range rows {
			after = m.UserID
			started = started || m.UserID == starter
			if err := add(m.Member); err != nil {
				return nil, err
			}
		}
		if len(rows) < store.MaxPage {
			break
		}
	}
	if started {
		return people, nil
	}
	// An administrator starts whispers of projects that are not theirs. Whoever
	// else is not a member any more is told nothing.
	u, err := w.UserByID(ctx, starter)
	if errors.Is(err, store.ErrNotFound) {
		return people, nil // no story waits for an account
	}
	if err == nil && u.Role == model.RoleAdmin && !u.Ended(w.now) {
		people = append(people, u)
	}
	return people, err
}

// tell1 queues one mail, unless this person was told the same before.
func (s *Service) tell1(ctx context.Context, w *work, u model.User, kind, once string, n News) error {
	once += ":" + u.ID
	told, err := w.MailedOnce(ctx, once)
	if err != nil || told {
		return err
	}
	_, err = s.queueMail(ctx, w, u.Email, kind, once, n)
	return err
}

// queueMail writes a mail in the transaction that it tells of: no news without
// a mail, no mail without news.
func (s *Service) queueMail(ctx context.Context, w *work, to, kind, once string, n News) (model.Mail, error) {
	n.Now = w.now
	mail, err := s.mail.Compose(kind, n, to)
	if err != nil {
		return mail, fmt.Errorf("relay: write a mail %s: %w", kind, err)
	}
	mail.Kind, mail.ProjectID, mail.WhisperID = kind, n.Project.ID, n.Whisper.ID
	mail.State, mail.CreatedAt, mail.NextAt = model.MailQueued, w.now, w.now
	w.after(func(t Teller) { t.MailQueued() })
	return mail, w.AddMail(ctx, mail, once)
}

// queueCompletion tells who started a whisper that it came to its end. Where
// that person works here no more, those are told who do.
func (s *Service) queueCompletion(ctx context.Context, w *work, wh model.Whisper) error {
	p, err := w.Project(ctx, wh.ProjectID)
	if err != nil {
		return err
	}
	people, err := s.readers(ctx, w, p.ID, wh.StartedBy)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(people, func(u model.User) bool { return u.ID == wh.StartedBy }); i >= 0 {
		people = people[i : i+1]
	}
	for _, u := range people {
		err := s.tell1(ctx, w, u, MailComplete, "complete:"+wh.ID, News{
			Project: p, Whisper: wh, Since: wh.CompletedAt, Link: "/whispers/" + wh.ID,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
