package web

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (w *Web) boxRoutes(in *echo.Group) {
	in.GET("/boxes/:box", w.boxShow)
	in.POST("/boxes/:box", w.boxSave)
	in.POST("/boxes/:box/ask", w.boxAsk)
	in.POST("/boxes/:box/end", w.boxEnd)
	in.GET("/boxes/:box/clips/:key", w.clipPlay)
	in.POST("/boxes/:box/clips", w.clipSet)
	in.POST("/boxes/:box/clips/:key/remove", w.clipRemove)
}

// boxView is the page of one box.
type boxView struct {
	relay.BoxView
	Past     relay.BoxPast
	Presence presence
	Site     model.Site
	Volume   string
	Saved    string // what was just done
	May      bool   // the reader may change it
	Told     bool   // the box knows these settings
	Zones    []string
	Lines    []boxLine
	Heard    bool // the box told how it is
	Tells    bool // and of its health as well
	HasBoard bool // and what it is built on
	Wants    []protocol.Setting
	Checks   []boxCheck
	Spoken   []boxClip
	Groups   []sentences
	Key      string // of the sentence that is chosen
}

// zones are offered; any other IANA name can be typed.
var zones = []string{
	"Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Europe/Helsinki",
	"America/New_York", "America/Chicago", "America/Los_Angeles", "America/Sao_Paulo", "Africa/Nairobi", "Asia/Kolkata",
	"Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland", "UTC",
}

// boxDone says what was just done, by the word in the page's address.
var boxDone = map[string]string{
	"saved": "Saved.", "clip": "Saved. The box fetches it as soon as it is online.", "noclip": "It speaks this sentence as before, as soon as it is online.",
	"asked": "Asked. The result appears on this page.", "end": "Asked. This page says when it is done.",
}

func (w *Web) boxView(c echo.Context) (boxView, error) {
	ctx, who := c.Request().Context(), actor(c)
	b, err := w.Relay.Box(ctx, who, c.Param("box"))
	if err != nil {
		return boxView{}, err
	}
	d := b.Device
	v := boxView{BoxView: b, Presence: w.presence(d), Site: d.Site, Zones: zones, May: who.May(model.ManageBoxes) && d.RevokedAt.IsZero()}
	if v.Past, err = w.Relay.BoxPast(ctx, who, d.ID); err != nil {
		return boxView{}, err
	}
	v.Volume = strconv.Itoa(relay.SettingsOf(d.Site).Volume)
	v.Told = d.Status.Settings >= relay.SettingsOf(d.Site).Version
	v.Heard = d.Status.State != ""
	if h := d.Status.Health; h != nil {
		v.Tells, v.HasBoard = true, h.Board != ""
	}
	if v.Heard {
		v.Lines = boxLines(d.Status)
	}
	v.Wants = boxWants(relay.SettingsOf(d.Site), d.Status, len(v.Past.Clips))
	for _, check := range v.Past.Checks {
		v.Checks = append(v.Checks, checkView(check))
	}
	v.Spoken, v.Groups = clipViews(v.Past.Clips), grouped
	if v.Saved = boxDone[c.QueryParam("done")]; v.Saved == boxDone["saved"] {
		v.Saved += " The box is told as soon as it is online."
		if v.Told {
			v.Saved = boxDone["saved"] + " The box knows it."
		}
	}
	return v, nil
}

// Code is what the box says of itself in its self-test, so that an installer
// knows that it is this one.
func (v boxView) Code() string { return protocol.SpokenCode(v.Device.ID) }

func (w *Web) boxShow(c echo.Context) error {
	v, err := w.boxView(c)
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		block := "boxnow"
		if c.QueryParam("part") == "past" {
			block = "boxpast"
		}
		return w.part(c, "box", block, v)
	}
	return w.showBox(c, http.StatusOK, v, nil)
}

func (w *Web) showBox(c echo.Context, status int, v boxView, e *model.Error) error {
	return w.show(c, status, "box", page{Title: v.Device.Name, Nav: "boxes", Data: v, Error: e})
}

// boxResult goes back to the page and says what was done, or shows the refusal
// in it; change puts back what was typed.
func (w *Web) boxResult(c echo.Context, err error, done string, change func(*boxView)) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, "/boxes/"+c.Param("box")+"?done="+done)
	}
	e, err := refusal(err)
	if err != nil {
		return err
	}
	v, err := w.boxView(c)
	if err != nil {
		return err
	}
	if change != nil {
		change(&v)
	}
	status := http.StatusUnprocessableEntity
	if e.Code == protocol.CodeConflict {
		status = http.StatusConflict
	}
	return w.showBox(c, status, v, e)
}

func (w *Web) boxSave(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("box")
	site := model.Site{
		Label: c.FormValue("label"), Hours: model.Hours{Zone: c.FormValue("zone"), Wake: c.FormValue("wake"), Bed: c.FormValue("bed")},
		NoPhoto: c.FormValue("photo") == "", Quiet: c.FormValue("announce") == "",
	}
	var err error
	if site.Volume, err = strconv.Atoi(c.FormValue("volume")); err != nil {
		site.Volume = -1 // relay says so
	}
	if typed := c.FormValue("buttons"); typed != "" {
		if site.Buttons, err = strconv.Atoi(typed); err != nil {
			site.Buttons = -1
		}
	}
	return w.boxResult(c, w.Relay.SetSite(ctx, actor(c), id, site), "saved", func(v *boxView) {
		v.Site, v.Volume = site, c.FormValue("volume")
	})
}

func (w *Web) boxAsk(c echo.Context) error {
	kind := protocol.MessageType(c.FormValue("kind"))
	_, err := w.Relay.AskBox(c.Request().Context(), actor(c), c.Param("box"), kind, c.FormValue("aloud") != "")
	return w.boxResult(c, err, "asked", nil)
}

func (w *Web) boxEnd(c echo.Context) error {
	_, err := w.Relay.EndBox(c.Request().Context(), actor(c), c.Param("box"), c.FormValue("typed"))
	return w.boxResult(c, err, "end", nil)
}
