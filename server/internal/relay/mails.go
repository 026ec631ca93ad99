package relay

import (
	"context"
	"errors"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Mails lists the mails of a project, or of the whole server for "", newest
// first, from after the id given. It shows addresses: only those who may name
// a project's people see its mails.
func (s *Service) Mails(ctx context.Context, actor model.Actor, project, after string, limit int) (model.Project, []model.Mail, error) {
	var p model.Project
	var mails []model.Mail
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if p, err = s.mailsOf(ctx, tx, actor, project); err == nil {
			mails, err = tx.Mails(ctx, project, limit, after)
		}
		return err
	})
	return p, mails, err
}

// mailsOf asks who may see and try the mails of a project, or of the server.
func (s *Service) mailsOf(ctx context.Context, tx *store.Tx, actor model.Actor, project string) (model.Project, error) {
	if project == "" {
		return model.Project{}, allow(actor, model.ManageServer)
	}
	return s.projectOf(ctx, tx, actor, project, model.Settle)
}

// newestMails is how far back a failed mail is worth a banner.
const newestMails = 50

// FailedMails counts those of a project's newest mails that were given up, for
// who may send them again; for anybody else there are none.
func (s *Service) FailedMails(ctx context.Context, actor model.Actor, project string) (n int, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		p, err := s.projectOf(ctx, tx, actor, project, model.See)
		if err != nil || !actor.MayIn(p, model.Settle) {
			return err
		}
		n, err = tx.FailedMails(ctx, project, newestMails)
		return err
	})
	return n, err
}

// Mail finds one mail of those that the actor may see.
func (s *Service) Mail(ctx context.Context, actor model.Actor, id string) (model.Mail, error) {
	var m model.Mail
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		m, err = s.mailOf(ctx, tx, actor, id)
		return err
	})
	return m, err
}

func (s *Service) mailOf(ctx context.Context, tx *store.Tx, actor model.Actor, id string) (model.Mail, error) {
	m, err := tx.Mail(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return m, model.NotFound("mail")
	}
	if err != nil || actor.May(model.ManageServer) {
		return m, err
	}
	if m.ProjectID == "" {
		return model.Mail{}, model.NotFound("mail") // of the server: nobody else knows of it
	}
	if _, err := s.mailsOf(ctx, tx, actor, m.ProjectID); err != nil {
		if e, ok := model.AsError(err); ok && e.Code == protocol.CodeNotFound {
			err = model.NotFound("mail")
		}
		return model.Mail{}, err
	}
	return m, nil
}

// SendAgain queues a mail that was given up. It keeps its Message-ID, so that
// whoever got it after all does not see it twice.
func (s *Service) SendAgain(ctx context.Context, actor model.Actor, id string) (model.Mail, error) {
	var m model.Mail
	err := s.do(ctx, func(w *work) (err error) {
		if m, err = s.mailOf(ctx, w.Tx, actor, id); err != nil {
			return err
		}
		ok, err := w.MailAgain(ctx, id, w.now)
		if err == nil && !ok {
			err = model.Refuse(protocol.CodeConflict, "This mail was not given up.", "Load the page again to see where it stands.")
		}
		w.after(func(t Teller) { t.MailQueued() })
		return err
	})
	return m, err
}

// TestMail queues a mail to the actor's own address, as the project would send
// it, or the server for "".
func (s *Service) TestMail(ctx context.Context, actor model.Actor, project string) (model.Mail, error) {
	var m model.Mail
	err := s.do(ctx, func(w *work) error {
		p, err := s.mailsOf(ctx, w.Tx, actor, project)
		if err != nil {
			return err
		}
		u, err := w.UserByID(ctx, actor.UserID)
		if err != nil {
			return err
		}
		link := "/mails"
		if project != "" {
			link = "/projects/" + project + "/mails"
		}
		m, err = s.queueMail(ctx, w, u.Email, MailTest, "test:"+store.NewID(), News{Project: p, Link: link})
		return err
	})
	return m, err
}

// tellRemoved tells of each whisper that waits for a box which was removed.
func (s *Service) tellRemoved(ctx context.Context, w *work, d model.Device) error {
	return s.waitingFor(ctx, w, d, func(p model.Project, wh model.Whisper, h model.Hop) error {
		return s.tellProject(ctx, w, MailWithdrawal, "withdrawal:"+h.ID, News{
			Project: p, Whisper: wh, Hop: h, Box: d, Since: w.now, Link: "/whispers/" + wh.ID,
		})
	})
}

// waitingFor calls fn for each whisper that waits for a box now: the turn that
// lies there, and those whose turn it is next.
func (s *Service) waitingFor(ctx context.Context, w *work, d model.Device, fn func(model.Project, model.Whisper, model.Hop) error) error {
	ids, err := w.WhispersWaitingFor(ctx, d.ID, batch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		wh, err := w.Whisper(ctx, id)
		if err != nil {
			return err
		}
		p, err := w.Project(ctx, wh.ProjectID)
		if err != nil {
			return err
		}
		for _, h := range wh.Hops {
			if h.DeviceID != d.ID || !h.State.AtBox() && (h.State != model.HopPlanned || h.ReadyAt.IsZero()) {
				continue
			}
			if err := fn(p, wh, h); err != nil {
				return err
			}
		}
	}
	return nil
}
