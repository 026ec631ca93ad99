package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// deliveriesAtOnce is how many messages the page of a hook shows.
const deliveriesAtOnce = 50

func (w *Web) hookRoutes(in *echo.Group) {
	in.GET("/projects/:project/hooks", w.hooksShow)
	in.POST("/projects/:project/hooks", w.hookCreate)
	in.GET("/hooks/:hook", w.hookShow)
	in.POST("/hooks/:hook/test", w.hookTest)
	in.POST("/hooks/:hook/on", w.hookSwitch)
	in.POST("/hooks/:hook/off", w.hookSwitch)
	in.POST("/hooks/:hook/delete", w.hookDelete)
	in.POST("/deliveries/:delivery/again", w.deliveryAgain)
}

type hooksView struct {
	Project model.Project
	Hooks   []hookRow
	Full    bool
	Kinds   []model.EventKind // that can be chosen
	URL     string
	Chosen  []string
	// Made is the hook that was just made, with its secret: it is shown once.
	Made   *model.Hook
	Secret string
}

type hookRow struct {
	model.Hook
	State state
}

type hookView struct {
	Project model.Project
	Hook    hookRow
	Log     []deliveryRow
	More    string
	Later   bool
	Waiting bool
}

type deliveryRow struct {
	model.Delivery
	State state
	Type  string
}

func hookRowOf(h model.Hook) hookRow {
	if h.DisabledAt.IsZero() {
		return hookRow{h, state{"on", "complete", "good"}}
	}
	return hookRow{h, state{"off", "pause", "quiet"}}
}

func deliveryRowOf(d model.Delivery) deliveryRow {
	r := deliveryRow{Delivery: d, Type: "event"}
	var m struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal([]byte(d.Body), &m); err == nil {
		r.Type = m.Type
	}
	switch d.State {
	case model.DeliveryDone:
		r.State = state{"taken", "complete", "good"}
	case model.DeliveryFailed:
		r.State = state{"given up", "warning", "bad"}
	default:
		if r.State = (state{"waits to be sent", "planned", "live"}); d.Attempts > 0 {
			r.State = state{"not taken yet", "held", "hold"}
		}
	}
	return r
}

func (w *Web) hooksShow(c echo.Context) error {
	return w.hooksPage(c, http.StatusOK, hooksView{}, nil)
}

func (w *Web) hooksPage(c echo.Context, status int, v hooksView, e *model.Error) error {
	ctx := c.Request().Context()
	hooks, err := w.Relay.Hooks(ctx, actor(c), c.Param("project"))
	if err != nil {
		return err
	}
	if v.Project, err = w.Relay.Project(ctx, actor(c), c.Param("project")); err != nil {
		return err
	}
	for _, h := range hooks {
		v.Hooks = append(v.Hooks, hookRowOf(h))
	}
	v.Full, v.Kinds = len(hooks) >= model.MaxHooks, model.EventKinds()
	return w.show(c, status, "hooks", page{Title: "Webhooks", Nav: "projects", Data: v, Error: e})
}

// Picked reports whether a type of events was chosen.
func (v hooksView) Picked(kind string) bool {
	for _, k := range v.Chosen {
		if k == kind {
			return true
		}
	}
	return false
}

// hookCreate answers with the page itself, not with an address: the secret is
// on it, once.
func (w *Web) hookCreate(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return model.Refuse(protocol.CodeInvalid, "This form could not be read.", "Load the page again.")
	}
	v := hooksView{URL: strings.TrimSpace(form.Get("url")), Chosen: form["type"]}
	h, err := w.Relay.CreateHook(c.Request().Context(), actor(c), model.Hook{ProjectID: c.Param("project"), URL: v.URL, Kinds: v.Chosen})
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.hooksPage(c, http.StatusUnprocessableEntity, v, e)
	}
	return w.hooksPage(c, http.StatusOK, hooksView{Made: &h, Secret: w.HookSecret(h.ID)}, nil)
}

func (w *Web) hookShow(c echo.Context) error {
	ctx, after := c.Request().Context(), c.QueryParam("after")
	h, rows, err := w.Relay.Deliveries(ctx, actor(c), c.Param("hook"), after, deliveriesAtOnce+1)
	if err != nil {
		return err
	}
	v := hookView{Hook: hookRowOf(h), Later: after != ""}
	if v.Project, err = w.Relay.Project(ctx, actor(c), h.ProjectID); err != nil {
		return err
	}
	if len(rows) > deliveriesAtOnce {
		rows = rows[:deliveriesAtOnce]
		v.More = rows[deliveriesAtOnce-1].ID
	}
	for _, d := range rows {
		v.Log = append(v.Log, deliveryRowOf(d))
		v.Waiting = v.Waiting || d.State == model.DeliveryQueued
	}
	return w.show(c, http.StatusOK, "hook", page{Title: "Webhook", Nav: "projects", Data: v})
}

func (w *Web) hookTest(c echo.Context) error {
	h, _, err := w.Relay.TestHook(c.Request().Context(), actor(c), c.Param("hook"))
	return w.toHook(c, h, err)
}

func (w *Web) hookSwitch(c echo.Context) error {
	h, err := w.Relay.SwitchHook(c.Request().Context(), actor(c), c.Param("hook"), strings.HasSuffix(c.Path(), "/on"))
	return w.toHook(c, h, err)
}

func (w *Web) deliveryAgain(c echo.Context) error {
	h, _, err := w.Relay.Replay(c.Request().Context(), actor(c), c.Param("delivery"))
	return w.toHook(c, h, err)
}

func (w *Web) hookDelete(c echo.Context) error {
	h, err := w.Relay.DeleteHook(c.Request().Context(), actor(c), c.Param("hook"))
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+h.ProjectID+"/hooks")
}

func (w *Web) toHook(c echo.Context, h model.Hook, err error) error {
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/hooks/"+h.ID)
}
