package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (w *Web) boxRoutes(in *echo.Group) {
	in.GET("/boxes/:box", w.boxShow)
	in.POST("/boxes/:box", w.boxSave)
}

// boxView is the page of one box.
type boxView struct {
	relay.BoxView
	Presence presence
	Site     model.Site
	Volume   string
	Saved    bool
	May      bool // the reader may change it
	Told     bool // the box knows these settings
	Zones    []string
	Uptime   time.Duration
	FreeGB   string
	Heard    bool // the box told how it is
}

// zones are offered; any other IANA name can be typed.
var zones = []string{
	"Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Europe/Helsinki",
	"America/New_York", "America/Chicago", "America/Los_Angeles", "America/Sao_Paulo", "Africa/Nairobi", "Asia/Kolkata",
	"Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland", "UTC",
}

func (w *Web) boxView(c echo.Context) (boxView, error) {
	b, err := w.Relay.Box(c.Request().Context(), actor(c), c.Param("box"))
	if err != nil {
		return boxView{}, err
	}
	d := b.Device
	v := boxView{BoxView: b, Presence: w.presence(d), Site: d.Site, Zones: zones, May: actor(c).May(model.ManageBoxes) && d.RevokedAt.IsZero()}
	v.Volume = strconv.Itoa(relay.SettingsOf(d.Site).Volume)
	v.Told = d.Status.Settings >= relay.SettingsOf(d.Site).Version
	v.Heard = d.Status.State != ""
	v.Uptime = time.Duration(d.Status.Uptime) * time.Second
	v.FreeGB = strconv.FormatFloat(float64(d.Status.DiskFree)/1e9, 'f', 1, 64)
	v.Saved = c.QueryParam("saved") != ""
	return v, nil
}

func (w *Web) boxShow(c echo.Context) error {
	v, err := w.boxView(c)
	if err != nil {
		return err
	}
	return w.showBox(c, http.StatusOK, v, nil)
}

func (w *Web) showBox(c echo.Context, status int, v boxView, e *model.Error) error {
	return w.show(c, status, "box", page{Title: v.Device.Name, Nav: "boxes", Data: v, Error: e})
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
	if err = w.Relay.SetSite(ctx, actor(c), id, site); err == nil {
		return c.Redirect(http.StatusSeeOther, "/boxes/"+id+"?saved=1")
	}
	e, err := refusal(err)
	if err != nil {
		return err
	}
	v, err := w.boxView(c)
	if err != nil {
		return err
	}
	v.Site, v.Volume = site, c.FormValue("volume")
	return w.showBox(c, http.StatusUnprocessableEntity, v, e)
}
