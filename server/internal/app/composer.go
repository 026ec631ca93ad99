package app

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"illumi/server/internal/mail"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// composer writes the mails that relay's rules ask for. It is where what may
// leave the server by mail is picked out of all that relay knows.
type composer struct{ public *url.URL }

var mailKinds = map[string]mail.Kind{
	relay.MailComplete: mail.KindComplete, relay.MailNoAnswer: mail.KindNoAnswer, relay.MailDecide: mail.KindDecide,
	relay.MailBoxSilent: mail.KindBoxSilent, relay.MailBoxBack: mail.KindBoxBack, relay.MailBoxFailed: mail.KindBoxFailed, relay.MailExportReady: mail.KindExportReady,
	relay.MailWithdrawal: mail.KindWithdrawal, relay.MailDigest: mail.KindDigest, relay.MailTest: mail.KindTest,
}

func (c composer) Compose(kind string, n relay.News, to string) (model.Mail, error) {
	k, ok := mailKinds[kind]
	if !ok {
		return model.Mail{}, fmt.Errorf("app: there is no mail of the kind %q", kind)
	}
	news := mail.News{
		Whisper: n.Whisper.Title, Project: n.Project.Title, Box: n.Box.Name, Position: n.Hop.Position,
		Boxes: len(n.Whisper.Hops), Started: n.Whisper.StartedAt, Completed: n.Whisper.CompletedAt,
		Since: n.Since, Now: n.Now, Zone: zone(n), Reason: n.Reason, Count: n.Count, Others: n.Box.Name == "", Lines: n.Lines,
		Link: c.link(n.Link),
	}
	if k == mail.KindComplete && n.Project.ID != "" {
		news.Download = c.link("/projects/" + n.Project.ID + "/export")
	}
	for _, h := range n.Whisper.Hops {
		switch h.State {
		case model.HopApproved:
			news.Answered++
		case model.HopSkipped, model.HopRejected, model.HopWithdrawn:
			news.Skipped++
		}
	}
	content, err := mail.Render(k, news)
	if err != nil {
		return model.Mail{}, err
	}
	id := store.NewID()
	sender := mail.SenderName(n.Project.Settings.SenderName)
	if sender == "" {
		sender = mail.SenderName(n.Project.Title)
	}
	return model.Mail{
		ID: id, To: to, Subject: content.Subject, Text: content.Text, HTML: content.HTML,
		SenderName: sender, ReplyTo: mail.ReplyTo(n.Project.Settings.ReplyTo),
		MessageID: mail.MessageID(id, c.public.String()),
	}, nil
}

// link makes a page's path an address; a path that is none leads to the start.
func (c composer) link(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" {
		return c.public.String()
	}
	full := c.public.JoinPath(strings.Split(u.Path, "/")...)
	full.RawQuery, full.Fragment = u.RawQuery, u.Fragment
	return full.String()
}

// zone is whose clock a mail tells the time by: the box's, else the project's.
func zone(n relay.News) *time.Location {
	for _, name := range []string{n.Box.Site.Hours.Zone, n.Project.Settings.Hours.Zone} {
		if name == "" || name == "Local" {
			continue
		}
		if z, err := time.LoadLocation(name); err == nil {
			return z
		}
	}
	return time.UTC
}
