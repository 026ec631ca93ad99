package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/bus"
	"illumi/server/internal/model"
)

// mailsAtOnce is how many mails the list shows.
const mailsAtOnce = 12

func (w *Web) mailRoutes(in *echo.Group) {
	in.GET("/mails", w.mailsShow)
	in.GET("/mails/live", w.mailsLive)
	in.POST("/mails/test", w.mailTest)
	in.POST("/mails/:mail/again", w.mailAgain)
	in.GET("/projects/:project/mails", w.mailsShow)
	in.POST("/projects/:project/mails/test", w.mailTest)
}

type mailsView struct {
	Project model.Project // empty ID: all of the server
	Base    string        // the page's path
	Mails   []mailRow
	Failed  int // of those on the page
	Test    *mailRow
	More    string // id that the next page begins after
	Later   bool   // this is not the first page
	NoMail  bool   // no mail server is set
}

type mailRow struct {
	model.Mail
	State   state
	About   string
	Reason  string
	Advice  string
	Again   bool // it was given up, and can be sent again
	Waiting bool // it will be tried again
}

var mailLogStates = map[model.MailState]state{
	model.MailQueued: {"waits to be sent", "queued", "live"},
	model.MailSent:   {"sent", "sent", "good"},
	model.MailFailed: {"not sent", "warning", "bad"},
}

var mailAbout = map[string]string{
	"complete": "A whisper is complete", "no_answer": "No answer for long", "decide": "A decision is needed",
	"box_silent": "A box is silent", "box_back": "A box is back", "export_ready": "An export", "withdrawal": "A box was removed",
	"digest": "What moved in a day", "test": "A test", "invite": "An invitation", "reset": "A new password", "sign_up": "A new account",
	"password_changed": "A password was changed", "box_failed": "A box needs help",
}

// advice says what to do about a mail that did not get through. The reason's
// first words are package mail's; the rest is the mail server's.
func advice(m model.Mail, noMail bool) string {
	if m.LastError == "" {
		return ""
	}
	for _, a := range []struct{ has, next string }{
		{"sign-in", "The user or the password in --mail is wrong. An administrator can mend it."},
		{"cannot be reached", "Check the host and port in --mail, and whether that server runs."},
		{"did not answer in time", "Check the host and port in --mail, and whether that server runs."},
		{"connection to the mail server broke", "Nothing to do, if it goes well next time."},
		{"try again later", "Nothing to do, if it goes well next time."},
		{"not an e-mail address", "Correct the person's address, on the page of people."},
		{"refused it", "Check the address, and the sender in --mail."},
		{"folder for mail", "Check that the data directory can be written to."},
	} {
		if strings.Contains(m.LastError, a.has) {
			return a.next
		}
	}
	if noMail {
		return "Set --mail to a mail server."
	}
	return "Ask whoever looks after the mail server."
}

// command is how package mail's client names the step at which it failed.
var command = regexp.MustCompile(`sending SMTP [A-Z ]+ command: |dial failed: `)

// reason makes a sentence of why a mail did not get through.
func reason(s string) string {
	s = command.ReplaceAllString(strings.TrimPrefix(s, "mail refused for good: "), "")
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func (w *Web) mailRow(m model.Mail) mailRow {
	r := mailRow{Mail: m, State: mailLogStates[m.State], About: mailAbout[m.Kind], Reason: reason(m.LastError), Advice: advice(m, w.NoMail)}
	r.Again, r.Waiting = m.State == model.MailFailed, m.State == model.MailQueued && m.Attempts > 0
	if r.Waiting {
		r.State = state{"not sent yet", "held", "hold"}
	}
	if w.NoMail && m.State == model.MailSent {
		r.State.Word = "written as a file"
	}
	return r
}

func (w *Web) mailsShow(c echo.Context) error {
	ctx, project, after := c.Request().Context(), c.Param("project"), c.QueryParam("after")
	if after != "" && !protocol.ValidID(after) {
		return model.NotFound("page")
	}
	p, mails, err := w.Relay.Mails(ctx, actor(c), project, after, mailsAtOnce+1)
	if err != nil {
		return err
	}
	v := mailsView{Project: p, Base: mailsPath(project), NoMail: w.NoMail, Later: after != ""}
	if len(mails) > mailsAtOnce {
		mails = mails[:mailsAtOnce]
		v.More = mails[mailsAtOnce-1].ID
	}
	if id := c.QueryParam("test"); protocol.ValidID(id) {
		m, err := w.Relay.Mail(ctx, actor(c), id)
		if err != nil {
			return err
		}
		row := w.mailRow(m)
		v.Test = &row
	}
	for _, m := range mails {
		row := w.mailRow(m)
		if v.Test != nil && v.Test.ID == m.ID {
			continue // it stands above
		}
		if row.Again {
			v.Failed++
		}
		v.Mails = append(v.Mails, row)
	}
	if isFragment(c.Request()) {
		return w.part(c, "mails", "maillist", v)
	}
	return w.show(c, http.StatusOK, "mails", page{Title: "Mails", Nav: mailsNav(project), Data: v})
}

func mailsPath(project string) string {
	if project == "" {
		return "/mails"
	}
	return "/projects/" + project + "/mails"
}

func mailsNav(project string) string {
	if project == "" {
		return "mails"
	}
	return "projects"
}

func (w *Web) mailsLive(c echo.Context) error { return w.live(c, "", bus.Mails) }

// mailTest sends a mail to who asks, and shows on the next page how it went.
func (w *Web) mailTest(c echo.Context) error {
	project := c.Param("project")
	m, err := w.Relay.TestMail(c.Request().Context(), actor(c), project)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, mailsPath(project)+"?"+url.Values{"test": {m.ID}}.Encode())
}

func (w *Web) mailAgain(c echo.Context) error {
	m, err := w.Relay.SendAgain(c.Request().Context(), actor(c), c.Param("mail"))
	if err != nil {
		return err
	}
	back := mailsPath("")
	if c.FormValue("project") != "" {
		back = mailsPath(m.ProjectID)
	}
	return c.Redirect(http.StatusSeeOther, back+"#mail-"+m.ID)
}
