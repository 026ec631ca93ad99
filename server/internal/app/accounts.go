package app

import (
	"context"

	"illumi/server/internal/auth"
	"illumi/server/internal/mail"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// accountMails writes the mails about accounts.
type accountMails struct{ a *App }

func (m accountMails) ComposeAccount(kind string, n auth.News, to string) (model.Mail, error) {
	content, err := mail.Render(mail.Kind(kind), mail.News{Project: n.Project, Reason: n.Person, Link: n.Link, Now: n.Now})
	if err != nil {
		return model.Mail{}, err
	}
	id := store.NewID()
	return model.Mail{
		ID: id, To: to, Subject: content.Subject, Text: content.Text, HTML: content.HTML,
		MessageID: mail.MessageID(id, m.a.public.String()),
	}, nil
}

// mayInvite lets those bring people into a project who may settle its people.
func (a *App) mayInvite(ctx context.Context, actor model.Actor, project string) error {
	return a.relay.Allowed(ctx, actor, project, model.People)
}

// joined lets the project's history tell who works on it from now on.
func (a *App) joined(ctx context.Context, tx *store.Tx, m model.Member) (func(), error) {
	return a.relay.NoteJoined(ctx, tx, m)
}
