package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

type boxRow struct {
	model.Device
	Presence presence
	Chosen   bool
	Place    string // in an order of one's own
	Moved    string // "up" or "down": where somebody has just moved it
	Notes    []boxNote
	Needs    string // what of it is bad, as "Power, Microphone"
}

// SaysSimulated reports whether the box's own name for its board says that it
// is none, as simulated boxes mostly do.
func (b boxRow) SaysSimulated() bool {
	return strings.Contains(strings.ToLower(b.BoardModel), "simulated")
}

// Active reports whether the box still counts.
func (b boxRow) Active() bool { return b.RevokedAt.IsZero() }

type codeRow struct {
	model.EnrolCode
	State state
	Open  bool
	Box   string // that used it
}

type boxesView struct {
	Boxes     []boxRow
	Find      string // part of a box's name
	After     string // the last name of the page before
	More      string // the last name of this page, where there are more
	Query     string // of this page's own address
	OpenCodes []codeRow
	OldCodes  []codeRow
	MoreCodes bool   // there are older ones than the page shows
	NewCode   string // shown once
	NewLabel  string
	NewUntil  time.Time
	Replaced  bool // an earlier code for the same name was revoked for it
	PublicURL string
	Name      string
}

func (w *Web) boxes(c echo.Context, v boxesView) (boxesView, error) {
	ctx := c.Request().Context()
	v.PublicURL = w.PublicURL
	v.Find, v.After = strings.TrimSpace(c.QueryParam("find")), c.QueryParam("after")
	if v.Find != "" || v.After != "" {
		v.Query = "?" + url.Values{"find": {v.Find}, "after": {v.After}}.Encode()
	}
	devices, err := w.Relay.Boxes(ctx, v.After, v.Find, boxList+1)
	if err != nil {
		return v, err
	}
	if len(devices) > boxList {
		devices = devices[:boxList]
		v.More = "?" + url.Values{"find": {v.Find}, "after": {devices[boxList-1].Name}}.Encode()
	}
	names := map[string]string{}
	for _, d := range devices {
		names[d.ID] = d.Name
		v.Boxes = append(v.Boxes, boxRow{Device: d, Presence: w.presence(d), Needs: needs(d)})
	}
	if !actor(c).May(model.ManageBoxes) {
		return v, nil
	}
	codes, err := w.Relay.Codes(ctx, actor(c))
	if err != nil {
		return v, err
	}
	if len(codes) > relay.MaxCodes {
		codes, v.MoreCodes = codes[:relay.MaxCodes], true
	}
	for _, code := range codes {
		s := code.State(w.Now())
		row := codeRow{code, codeStates[s], s == model.CodeOpen, names[code.UsedDevice]}
		if row.Open {
			v.OpenCodes = append(v.OpenCodes, row)
		} else {
			v.OldCodes = append(v.OldCodes, row)
		}
	}
	return v, nil
}

func (w *Web) boxesShow(c echo.Context) error {
	v, err := w.boxes(c, boxesView{})
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		return w.part(c, "boxes", "boxlist", v)
	}
	return w.showBoxes(c, http.StatusOK, v, nil)
}

func (w *Web) showBoxes(c echo.Context, status int, v boxesView, e *model.Error) error {
	return w.show(c, status, "boxes", page{Title: "Boxes", Nav: "boxes", Data: v, Error: e})
}

func (w *Web) boxesLive(c echo.Context) error { return w.live(c, "", bus.Boxes) }

// codeCreate shows the new code on the answer itself: it exists nowhere else.
func (w *Web) codeCreate(c echo.Context) error {
	name := c.FormValue("name")
	code, row, err := w.Relay.MakeCode(c.Request().Context(), actor(c), name)
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		v, err := w.boxes(c, boxesView{Name: name})
		if err != nil {
			return err
		}
		return w.showBoxes(c, http.StatusUnprocessableEntity, v, e)
	}
	v, err := w.boxes(c, boxesView{NewCode: code, NewLabel: row.Label, NewUntil: row.ExpiresAt, Replaced: row.Replaced > 0})
	if err != nil {
		return err
	}
	return w.showBoxes(c, http.StatusOK, v, nil)
}

func (w *Web) codeRevoke(c echo.Context) error {
	if err := w.Relay.RevokeCode(c.Request().Context(), actor(c), c.Param("code")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/boxes")
}

func (w *Web) boxRevoke(c echo.Context) error {
	if err := w.Relay.RevokeBox(c.Request().Context(), actor(c), c.Param("box")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/boxes")
}
