package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/web/assets"
)

//go:embed templates/*.html
var templates embed.FS

// pages declares every view: its own file, and the parts it uses beside the layout.
var pages = map[string][]string{
	"setup":            {"setup.html"},
	"set-up":           {"set-up.html"},
	"sign-in":          {"sign-in.html"},
	"projects":         {"projects.html"},
	"project":          {"project.html", "whispers.html"},
	"start":            {"start.html"},
	"whisper":          {"whisper.html", "chain.html", "links.html", "decide-panel.html", "order-record.html"},
	"decide":           {"decide.html"},
	"box":              {"box.html", "box-now.html"},
	"boxes":            {"boxes.html", "boxlist.html"},
	"export":           {"export.html"},
	"first-generation": {"first-generation.html"},
	"mails":            {"mails.html"},
	"hooks":            {"hooks.html"},
	"hook":             {"hook.html"},
	"tokens":           {"tokens.html"},
	"join":             {"join.html", "pwfields.html"},
	"reset":            {"reset.html", "pwfields.html"},
	"ask":              {"ask.html"},
	"account":          {"account.html", "pwfields.html"},
	"people":           {"people.html"},
	"error":            {"error.html"},
	"shares":           {"shares.html"},
	"shared":           {"shared.html", "links.html"},
	"shared-door":      {"shared-door.html"},
	"members":          {"members.html"},
	"settings":         {"settings.html"},
}

type views map[string]*template.Template

func parseViews() (views, error) {
	all := views{}
	for name, files := range pages {
		t := template.New("layout.html").Funcs(funcs)
		for _, file := range append([]string{"layout.html", "pieces.html"}, files...) {
			source, err := templates.ReadFile("templates/" + file)
			if err == nil {
				into := t
				if file != t.Name() {
					into = t.New(file)
				}
				_, err = into.Parse(drawIcons(string(source)))
			}
			if err != nil {
				return nil, fmt.Errorf("web: view %s: %w", name, err)
			}
		}
		all[name] = t
	}
	return all, nil
}

// clockLayout is a time as people without scripts read it.
const clockLayout = "2 Jan 2006, 15:04 UTC"

var funcs = template.FuncMap{
	"asset":     func(name string) string { return "/assets/" + assets.Path(name) },
	"built":     func(name string) bool { return assets.Path(name) != name },
	"rfc3339":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock":     func(t time.Time) string { return t.UTC().Format(clockLayout) },
	"icon":      icon,
	"state":     showState,
	"mark":      mark,
	"presence":  showPresence,
	"beads":     beads,
	"way":       way,
	"line":      line,
	"boxItem":   boxItem,
	"choice":    choice,
	"mailItem":  mailItem,
	"waitItem":  waitItem,
	"project":   projectItem,
	"note":      showNote,
	"ago":       moment(asAgo, ""),
	"at":        moment("", ""),
	"exact":     moment(asExact, ""),
	"for":       moment(asFor, since),
	"code":      protocol.FormatCode,
	"duration":  length,
	"bytes":     size,
	"plural":    plural,
	"dict":      dict,
	"wrong":     wrong,
	"orderWord": func(algorithm string) string { return orderWords[algorithm] },
	"roleWords": func(r model.ProjectRole) string { return roleWords[r] },
}

// wrong reports whether a refusal is about this field of the form.
func wrong(e *model.Error, field string) bool { return e != nil && e.Field == field }

// size writes a file's size for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return plural(int(n), "byte", "bytes")
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// dict makes a map for a template that takes several values.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("web: dict: %v is no name", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// length writes a sound's or a pause's length for people.
func length(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return plural(int(d.Seconds()), "second", "seconds")
	case d < time.Hour && d%time.Minute == 0:
		return plural(int(d.Minutes()), "minute", "minutes")
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	case d%(24*time.Hour) == 0:
		return plural(int(d.Hours()/24), "day", "days")
	}
	d = d.Round(time.Minute)
	hours := plural(int(d.Hours()), "hour", "hours")
	if rest := d % time.Hour; rest > 0 {
		return hours + " " + plural(int(rest.Minutes()), "minute", "minutes")
	}
	return hours
}

// page is what the layout needs; Data is the view's own.
type page struct {
	Title  string
	Server string
	User   model.User
	Admin  bool
	Keeper bool   // may make codes and remove boxes
	Nav    string // which entry of the navigation is the present one
	Data   any
	Error  *model.Error
}

// show renders a whole page, to a buffer first: a view that fails half way
// shows nothing of itself.
func (w *Web) show(c echo.Context, status int, view string, p page) error {
	if p.Error != nil && view != "error" {
		p.Title = "Please check: " + p.Title // heard first by those who do not see the form
	}
	return w.render(c, status, view, "layout.html", w.frame(c, p))
}

// part renders one block of a view, for htmx.
func (w *Web) part(c echo.Context, view, block string, data any) error {
	return w.render(c, http.StatusOK, view, block, w.frame(c, page{Data: data}))
}

func (w *Web) frame(c echo.Context, p page) page {
	p.Server = w.Server
	if u, ok := auth.UserFrom(c.Request().Context()); ok {
		p.User, p.Admin = u, u.Role == model.RoleAdmin
		p.Keeper = actor(c).May(model.ManageBoxes)
	}
	return p
}

func (w *Web) render(c echo.Context, status int, view, block string, p page) error {
	var out bytes.Buffer
	if err := w.views[view].ExecuteTemplate(&out, block, p); err != nil {
		return fmt.Errorf("web: render %s: %w", view, err)
	}
	if err := c.HTMLBlob(status, out.Bytes()); err != nil {
		// Only writing can fail here, and only because nobody reads any more.
		w.Log.Debug("a reader left before the page was written", "view", view, "error", err)
	}
	return nil
}

// errorTitles say in a heading what went wrong; the refusal has the rest.
var errorTitles = map[int]string{
	http.StatusNotFound:            "This page is not here",
	http.StatusMethodNotAllowed:    "This page is not here",
	http.StatusUnauthorized:        "You are not signed in",
	http.StatusForbidden:           "This is not yours to do",
	http.StatusConflict:            "Somebody was quicker",
	http.StatusTooManyRequests:     "Too many tries",
	http.StatusInternalServerError: "Something went wrong",
}

type errorView struct {
	Status int
	SignIn bool
}

// RenderError shows a refusal as a page, or as one sentence inside of one.
func (w *Web) RenderError(c echo.Context, status int, e *model.Error) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	h.Del("Content-Disposition")
	if isFragment(c.Request()) {
		return c.String(status, strings.TrimSpace(e.Sentence+" "+e.Next))
	}
	title := errorTitles[status]
	if title == "" {
		title = "This did not work"
	}
	v := errorView{status, status == http.StatusUnauthorized}
	return w.show(c, status, "error", page{Title: title, Error: e, Data: v})
}

// refusal separates what a form can show from what is an error.
func refusal(err error) (*model.Error, error) {
	e, ok := model.AsError(err)
	if !ok {
		return nil, err
	}
	switch e.Code {
	case protocol.CodeNotFound, protocol.CodeSignIn, protocol.CodeForbidden:
		return nil, err // no other words in the form would mend these
	}
	return e, nil
}

// nextPage remembers where somebody wanted to go, as a path of ours only.
func nextPage(r *http.Request) string {
	return url.Values{"next": {r.URL.Path}}.Encode()
}

// safeNext is where to go after signing in: a path of this server, or the
// start. Browsers read a backslash as a slash and pass over control
// characters, so a decoded path that has either could lead to another host.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsFunc(u.Path, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
		return "/"
	}
	return u.EscapedPath()
}

func contentType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "text/plain; charset=utf-8"
}
