package rest

import (
	"context"
	"time"

	"illumi/server/internal/model"
)

// Mail is a line of the delivery log.
type Mail struct {
	ID        string          `json:"id" doc:"Its id"`
	Project   string          `json:"project,omitempty" doc:"Of which project; absent: of the server"`
	Kind      string          `json:"kind" doc:"What it is about" example:"complete"`
	Whisper   string          `json:"whisper,omitempty" doc:"Of which whisper"`
	To        string          `json:"to" doc:"To whom"`
	Subject   string          `json:"subject" doc:"Its subject"`
	State     model.MailState `json:"state" doc:"Where it stands" enum:"queued,sent,failed"`
	Attempts  int             `json:"attempts" doc:"How often it was tried"`
	Error     string          `json:"error,omitempty" doc:"Why it was not taken"`
	CreatedAt time.Time       `json:"created_at" doc:"When it was written"`
	SentAt    *time.Time      `json:"sent_at" doc:"When it was taken"`
}

func mailShape(m model.Mail) Mail {
	return Mail{m.ID, m.ProjectID, m.Kind, m.WhisperID, m.To, m.Subject, m.State, m.Attempts, m.LastError, m.CreatedAt.UTC(), when(m.SentAt)}
}

func (a *API) mailOperations() {
	mails := func(ctx context.Context, who model.Actor, project string, p Paging) (*body[list[Mail]], error) {
		_, rows, err := a.Relay.Mails(ctx, who, project, p.After, p.Limit+1)
		return answer(paged(rows, p.Limit, mailShape, func(m model.Mail) string { return m.ID }), err)
	}
	handle(a, op{id: "list-mails", verb: model.Settle, method: "GET", path: "/projects/{project}/mails", tag: "mails", summary: "List the mails of a project, newest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Mail]], error) {
			return mails(ctx, who, in.Project, in.Paging)
		})
	handle(a, op{id: "list-all-mails", verb: model.ManageServer, method: "GET", path: "/mails", tag: "mails", summary: "List all mails of the server, newest first"},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Mail]], error) {
			return mails(ctx, who, "", *in)
		})
	handle(a, op{id: "test-project-mail", verb: model.Settle, method: "POST", path: "/projects/{project}/mails/test", tag: "mails", summary: "Send a mail to yourself, as the project would", status: 202},
		func(ctx context.Context, who model.Actor, in *ProjectID) (*body[Mail], error) {
			m, err := a.Relay.TestMail(ctx, who, in.Project)
			return answer(mailShape(m), err)
		})
	handle(a, op{id: "test-mail", verb: model.ManageServer, method: "POST", path: "/mails/test", tag: "mails", summary: "Send a mail to yourself, as the server would", status: 202},
		func(ctx context.Context, who model.Actor, _ *nothing) (*body[Mail], error) {
			m, err := a.Relay.TestMail(ctx, who, "")
			return answer(mailShape(m), err)
		})
	handle(a, op{
		id: "send-mail-again", verb: model.Settle, method: "POST", path: "/mails/{mail}/again", tag: "mails", summary: "Send a mail again that was given up", status: 202,
		more: "It keeps its Message-ID: whoever got it after all does not see it twice. One that was not given up is refused (409).",
	}, func(ctx context.Context, who model.Actor, in *struct {
		Mail string `path:"mail" doc:"The mail's id"`
	}) (*body[Mail], error) {
		m, err := a.Relay.SendAgain(ctx, who, in.Mail)
		if err == nil {
			m, err = a.Relay.Mail(ctx, who, in.Mail) // as it stands now
		}
		return answer(mailShape(m), err)
	})
}
