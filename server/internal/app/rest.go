package app

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/rest"
	"illumi/server/internal/upload"
)

// restAPI mounts the researchers' JSON API.
func (a *App) restAPI(e *echo.Echo) error {
	files, err := a.uploads.Handler(rest.PathUploads, tokenOwner)
	if err != nil {
		return err
	}
	a.rest, err = rest.New(e, rest.Options{
		Relay: a.relay, Tokens: a.auth, People: a.auth, Bus: a.bus, Media: a.blobs, Uploads: uploads{files}, Explain: a.explain, HookSecret: a.hookSecret,
		PublicURL: a.public.String(), Temp: a.exports.Dir, WakeExports: a.wakeExports, Now: time.Now, Log: a.log, Base: a.base,
	})
	return err
}

// explain is renderer for answers that somebody else writes.
func (a *App) explain(r *http.Request, route string, err error) (protocol.Problem, time.Duration) {
	refusal, code := refusalOf(err, true)
	note(a.log, err, refusal, []any{"method", r.Method, "route", route})
	return problemOf(code, refusal), refusal.RetryAfter
}

var errNoScope = errors.New("no token")

// tokenOwner says whose a program's upload is: a file is good for nothing but a
// start, so only a token that may start whispers brings one.
func tokenOwner(r *http.Request) (string, upload.OwnerKind, error) {
	who, ok := rest.ActorFrom(r.Context())
	switch {
	case !ok:
		return "", "", errNoScope
	case !who.MayIn(model.Project{ID: who.Project, As: model.ProjectOwner}, model.Steer):
		return "", "", who.Refusal(model.Steer)
	}
	return who.UserID, upload.OwnerUser, nil
}
