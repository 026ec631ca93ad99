package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (w *Web) tokenRoutes(in *echo.Group) {
	in.GET("/account/tokens", w.tokensShow)
	in.POST("/account/tokens", w.tokenCreate)
	in.POST("/account/tokens/:token/revoke", w.tokenRevoke)
}

type tokensView struct {
	Tokens   []tokenRow
	Projects []relay.ProjectRow
	Scopes   []scopeRow
	Days     []int
	Form     tokenForm
	Text     string // of the token that was just made: it is shown once
}

type tokenForm struct {
	Name    string
	Scopes  []string
	Project string
	Days    int
}

type tokenRow struct {
	model.Token
	State   state
	Works   bool
	Project string
}

// scopeRow explains a scope to people.
type scopeRow struct{ Value, Word, Hint string }

var scopeRows = []scopeRow{
	{string(model.ScopeRead), model.ScopeRead.Words(), "Projects, whispers, boxes and what happened. No voice and no picture."},
	{string(model.ScopeMedia), model.ScopeMedia.Words(), "Recordings and pictures."},
	{string(model.ScopeExport), model.ScopeExport.Words(), "Take a study away as one file."},
	{string(model.ScopeWrite), model.ScopeWrite.Words(), "Make projects; start, pause and end whispers; decide about turns; make links."},
	{string(model.ScopeBoxes), model.ScopeBoxes.Words(), "Make codes; settle, check and remove boxes, where you may."},
	{string(model.ScopeAdmin), model.ScopeAdmin.Words(), "A project's settings, people, mails and webhooks; the server's accounts, where you may."},
}

// Words names the token's scopes as the form does.
func (t tokenRow) Words() string {
	var words []string
	for _, row := range scopeRows {
		if slices.Contains(t.Scopes, model.Scope(row.Value)) {
			words = append(words, strings.ToLower(row.Word))
		}
	}
	return strings.Join(words, ", ")
}

func (w *Web) tokensShow(c echo.Context) error {
	return w.tokensPage(c, http.StatusOK, tokensView{Form: tokenForm{Scopes: []string{string(model.ScopeRead)}, Days: 90}}, nil)
}

func (w *Web) tokensPage(c echo.Context, status int, v tokensView, e *model.Error) error {
	ctx, who := c.Request().Context(), actor(c)
	tokens, err := w.Auth.Tokens(ctx, who)
	if err != nil {
		return err
	}
	if v.Projects, err = w.Relay.Projects(ctx, who, "", listLength); err != nil {
		return err
	}
	titles := map[string]string{}
	for _, p := range v.Projects {
		titles[p.ID] = p.Title
	}
	now := w.Now()
	for _, t := range tokens {
		row := tokenRow{Token: t, State: state{"works", "complete", "good"}, Works: !t.Over(now), Project: titles[t.ProjectID]}
		switch {
		case !t.RevokedAt.IsZero():
			row.State = state{"revoked", "ended", "quiet"}
		case !row.Works:
			row.State = state{"expired", "ended", "quiet"}
		}
		v.Tokens = append(v.Tokens, row)
	}
	v.Scopes = scopeRows
	for _, d := range auth.TokenLifetimes() {
		v.Days = append(v.Days, int(d/(24*time.Hour)))
	}
	return w.show(c, status, "tokens", page{Title: "Programs", Nav: "account", Data: v, Error: e})
}

// Picked reports whether a scope was chosen.
func (v tokensView) Picked(scope string) bool { return slices.Contains(v.Form.Scopes, scope) }

// tokenCreate answers with the page itself, not with an address: the token is
// on it, once.
func (w *Web) tokenCreate(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return model.Refuse(protocol.CodeInvalid, "This form could not be read.", "Load the page again.")
	}
	f := tokenForm{Name: form.Get("name"), Scopes: form["scope"], Project: form.Get("project")}
	f.Days, _ = strconv.Atoi(form.Get("days")) // what is no number is no lifetime either
	wish := auth.TokenRequest{Name: f.Name, Project: f.Project, Lifetime: time.Duration(f.Days) * 24 * time.Hour}
	for _, s := range f.Scopes {
		wish.Scopes = append(wish.Scopes, model.Scope(s))
	}
	ctx, who := c.Request().Context(), actor(c)
	if f.Project != "" {
		if _, err := w.Relay.Project(ctx, who, f.Project); err != nil {
			return err
		}
	}
	text, _, err := w.Auth.MakeToken(ctx, who, wish)
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.tokensPage(c, http.StatusUnprocessableEntity, tokensView{Form: f}, e)
	}
	return w.tokensPage(c, http.StatusOK, tokensView{Text: text, Form: tokenForm{Scopes: []string{string(model.ScopeRead)}, Days: 90}}, nil)
}

func (w *Web) tokenRevoke(c echo.Context) error {
	if err := w.Auth.RevokeToken(c.Request().Context(), actor(c), c.Param("token")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account/tokens")
}
