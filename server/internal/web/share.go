package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// A link's secret stands after the #, which browsers send to nobody. The page
// posts it once, and a cookie of these pages alone keeps it for some hours.
const (
	shareCookie = "illumi_share"
	shareFor    = 12 * time.Hour
)

func (w *Web) shareRoutes(e *echo.Echo, in *echo.Group) {
	in.GET("/whispers/:whisper/share", w.sharesShow)
	in.POST("/whispers/:whisper/share", w.shareCreate)
	in.POST("/shares/:share/revoke", w.shareRevoke)
	out := e.Group("/s", w.headers, unlisted)
	out.GET("", w.sharedDoor)
	out.POST("", w.sharedOpen)
	out.GET("/whisper", w.sharedShow)
	out.GET("/media/:name", w.sharedMedia)
}

// unlisted keeps shared pages out of search engines and addresses out of links.
func unlisted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("X-Robots-Tag", "noindex, nofollow")
		c.Response().Header().Set("Referrer-Policy", "no-referrer")
		return next(c)
	}
}

type sharesView struct {
	Whisper model.Whisper
	Project model.Project
	Links   []shareRow
	Link    string // just made; shown once
	Label   string
	Days    string
	Hide    bool
}

type shareRow struct {
	model.ShareLink
	State state
	Open  bool
}

// Choices are the days that a link can last.
func (sharesView) Choices() []string { return []string{"7", "30", "90"} }

func (w *Web) sharesShow(c echo.Context) error {
	return w.shares(c, http.StatusOK, sharesView{Days: "30"}, nil)
}

func (w *Web) shares(c echo.Context, status int, v sharesView, e *model.Error) error {
	ctx, who := c.Request().Context(), actor(c)
	links, err := w.Relay.Shares(ctx, who, c.Param("whisper"))
	if err != nil {
		return err
	}
	shown, err := w.Relay.Course(ctx, who, c.Param("whisper"))
	if err != nil {
		return err
	}
	v.Whisper, v.Project = shown.Whisper, shown.Project
	for _, l := range links {
		row := shareRow{l, state{"open", "complete", "good"}, true}
		switch {
		case !l.RevokedAt.IsZero():
			row.State, row.Open = state{"revoked", "revoked", "quiet"}, false
		case !w.Now().Before(l.ExpiresAt):
			row.State, row.Open = state{"expired", "ended", "quiet"}, false
		}
		v.Links = append(v.Links, row)
	}
	return w.show(c, status, "shares", page{Title: "Share a whisper", Nav: "projects", Data: v, Error: e})
}

// shareCreate answers with the page itself: the link is on it, once.
func (w *Web) shareCreate(c echo.Context) error {
	v := sharesView{Label: c.FormValue("label"), Days: c.FormValue("days"), Hide: c.FormValue("hide") != ""}
	days, err := strconv.Atoi(v.Days)
	if err != nil {
		days = 0 // refused in words
	}
	secret, _, err := w.Relay.Share(c.Request().Context(), actor(c), c.Param("whisper"), v.Label, days, v.Hide)
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.shares(c, http.StatusUnprocessableEntity, v, e)
	}
	return w.shares(c, http.StatusOK, sharesView{Days: "30", Link: strings.TrimRight(w.PublicURL, "/") + "/s#" + secret}, nil)
}

func (w *Web) shareRevoke(c echo.Context) error {
	whisper, err := w.Relay.RevokeShare(c.Request().Context(), actor(c), c.Param("share"))
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/whispers/"+whisper+"/share")
}

// sharedDoor takes the secret out of the address, or asks for it.
func (w *Web) sharedDoor(c echo.Context) error {
	return w.show(c, http.StatusOK, "shared-door", page{Title: "A shared whisper"})
}

func (w *Web) sharedOpen(c echo.Context) error {
	secret := strings.TrimPrefix(strings.TrimSpace(c.FormValue("token")), "#")
	if _, after, ok := strings.Cut(secret, "#"); ok {
		secret = after // the whole link was pasted
	}
	if _, err := w.Relay.Shared(c.Request().Context(), secret); err != nil {
		return w.sharedGone(c, err)
	}
	c.SetCookie(&http.Cookie{
		Name: shareCookie, Value: secret, Path: "/s", MaxAge: int(shareFor.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(w.PublicURL, "https:"), SameSite: http.SameSiteLaxMode,
	})
	return c.Redirect(http.StatusSeeOther, "/s/whisper")
}

// sharedGone is the one answer for links that never were, are over or revoked.
func (w *Web) sharedGone(c echo.Context, err error) error {
	if _, refused := model.AsError(err); !refused {
		return err
	}
	e := model.RefuseField("token", "This link does not work, or does not work any more.", "Ask whoever gave it to you for a new one.")
	return w.show(c, http.StatusNotFound, "shared-door", page{Title: "A shared whisper", Error: e})
}

func (w *Web) shared(c echo.Context) (relay.View, error) {
	cookie, err := c.Cookie(shareCookie)
	if err != nil {
		return relay.View{}, model.NotFound("link")
	}
	return w.Relay.Shared(c.Request().Context(), cookie.Value)
}

func (w *Web) sharedShow(c echo.Context) error {
	v, err := w.shared(c)
	if err != nil {
		return w.sharedGone(c, err)
	}
	w.outlines(c.Request().Context(), &v)
	shown := w.compose(v)
	shown.Public, shown.Hears, shown.Self = true, true, "/s/whisper"
	shown.Seed.shareOut()
	for i := range shown.Hops {
		shown.Hops[i].Answer.shareOut()
	}
	shown.pairUp(c.QueryParam("a"), c.QueryParam("b"))
	return w.show(c, http.StatusOK, "shared", page{Title: v.Whisper.Title, Data: shown})
}

// shareOut points an answer's files at the shared pages' own addresses.
func (a *answer) shareOut() {
	a.OriginalAudioURL, a.OriginalImageURL = "", ""
	if a.Audio != nil {
		a.AudioURL = "/s/media/" + fileName(*a.Audio)
	}
	if a.Image != nil {
		a.ImageURL = "/s/media/" + fileName(*a.Image)
	}
}

func (w *Web) sharedMedia(c echo.Context) error {
	v, err := w.shared(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(v.Files, func(f model.File) bool { return fileName(f) == c.Param("name") })
	if i < 0 {
		return model.NotFound("file")
	}
	return w.serveFile(c, v.Files[i])
}
