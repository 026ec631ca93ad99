package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (w *Web) decideRoutes(in *echo.Group) {
	in.GET("/whispers/:whisper/decide", w.decideShow)
	in.POST("/whispers/:whisper/decide", w.decideSubmit)
}

// doFind decides nothing: it looks for another box.
const doFind relay.Do = "find"

// decideView is the page on which a person decides about a turn that stalls.
type decideView struct {
	whisperView
	Hop    *hopView // nil: there is nothing to decide
	Why    string   // the reason that was typed
	Device string   // the box that was chosen
	Spare  []model.Device
	Find   string // part of a box's name
	More   bool   // there are more boxes than the page offers
	Last   bool   // no planned turn comes after it
}

// Removed reports whether the turn's box is no more.
func (v decideView) Removed() bool { return v.Hop.Presence.Kind == model.PresenceRevoked }

// Told says what was done about the silence so far, in a sentence.
func (v decideView) Told() string {
	k := v.Hop.Course
	switch {
	case !k.RemindedAt.IsZero() && !v.Hop.DeliveredAt.IsZero():
		return "The box was asked to say once more that a whisper is there."
	case v.Hop.DeliveredAt.IsZero() && v.Hop.Hop.State.AtBox():
		return "The whisper has not reached the box yet, so nobody there can know of it."
	}
	return ""
}

func (w *Web) decideView(c echo.Context, hop, find string) (decideView, error) {
	course, err := w.Relay.Course(c.Request().Context(), actor(c), c.Param("whisper"))
	if err != nil {
		return decideView{}, err
	}
	if !actor(c).MayIn(course.Project, model.Steer) {
		return decideView{}, model.Forbidden(model.Steer)
	}
	v := decideView{whisperView: w.compose(course), Last: true, Find: strings.TrimSpace(find)}
	for i := range v.Hops {
		h := &v.Hops[i]
		open := v.Steerable() && (h.Hop.State.AtBox() || h.Hop.State == model.HopPlanned)
		if open && (h.ID == hop || hop == "" && v.Hop == nil && (h.Now || !h.Course.NeedsAt.IsZero())) {
			v.Hop = h
		} else if v.Hop != nil && h.Hop.State == model.HopPlanned {
			v.Last = false
		}
	}
	// A turn that waits for a decision comes before the one that goes its way.
	if v.Hop != nil && hop == "" && v.Hop.Course.NeedsAt.IsZero() {
		for i := range v.Hops {
			if h := &v.Hops[i]; !h.Hop.State.Over() && !h.Course.NeedsAt.IsZero() {
				return w.decideView(c, h.ID, find)
			}
		}
	}
	if v.Hop == nil {
		return v, nil
	}
	v.Spare, v.More, err = w.offered(c.Request().Context(), v.Find, v.Boxes)
	return v, err
}

func (w *Web) decideShow(c echo.Context) error {
	v, err := w.decideView(c, c.QueryParam("hop"), "")
	if err != nil {
		return err
	}
	return w.showDecide(c, http.StatusOK, v, nil)
}

func (w *Web) showDecide(c echo.Context, status int, v decideView, e *model.Error) error {
	return w.show(c, status, "decide", page{Title: "Decide: " + v.Whisper.Title, Nav: "projects", Data: v, Error: e})
}

func (w *Web) decideSubmit(c echo.Context) error {
	id := c.Param("whisper")
	d := relay.Decision{
		Hop: c.FormValue("hop"), Do: relay.Do(c.FormValue("do")), Why: c.FormValue("why"), Device: c.FormValue("device"),
	}
	if d.Do == doFind {
		v, err := w.decideView(c, d.Hop, c.FormValue("find"))
		if err != nil {
			return err
		}
		v.Why, v.Device = d.Why, d.Device
		return w.showDecide(c, http.StatusOK, v, nil)
	}
	var err, other error
	d.Epoch, err = strconv.Atoi(c.FormValue("epoch"))
	d.Decisions, other = strconv.Atoi(c.FormValue("decisions"))
	if err != nil || other != nil {
		if _, err := w.decideView(c, "", ""); err != nil {
			return err
		}
		return model.RefuseField("decision", "The form is damaged.", "Load the page again.")
	}
	if _, err = w.Relay.Decide(c.Request().Context(), actor(c), id, d); err == nil {
		return c.Redirect(http.StatusSeeOther, "/whispers/"+id)
	}
	e, err := refusal(err)
	if err != nil {
		return err
	}
	v, err := w.decideView(c, d.Hop, c.FormValue("find"))
	if err != nil {
		return err
	}
	v.Why, v.Device = d.Why, d.Device
	return w.showDecide(c, http.StatusUnprocessableEntity, v, e)
}

// whyWords are the reasons that the server itself gives.
var whyWords = map[string]string{
	relay.WhyNoAnswer: "nobody answered in time",
	relay.WhyRemoved:  "the box was removed",
}

func whyWord(s string) string {
	if word, ok := whyWords[s]; ok {
		return word
	}
	return s
}

// planNote says how a turn's place came about, where it is not the drawn one,
// and why it waits, where it must.
func (w *Web) planNote(v relay.View, h model.Hop) string {
	var note string
	switch {
	case h.Course.Planned == 0 && !v.Whisper.StartedAt.IsZero() && planned(v.Whisper):
		note = "Added in place of another box."
	case h.Course.Planned != 0 && h.Course.Planned != h.Position && h.State != model.HopSkipped:
		note = fmt.Sprintf("Drawn as turn %d.", h.Course.Planned)
	}
	if h.State == model.HopPlanned && h.Course.NotBefore.After(w.Now()) {
		n := v.Whisper.Policy.TurnsPerWeek
		if note != "" {
			note += " "
		}
		note += fmt.Sprintf("Waits until %s: %s in seven days.", h.Course.NotBefore.UTC().Format("Monday, 2 January, 15:04 UTC"), plural(n, "turn", "turns"))
	}
	return note
}

// planned reports whether the whisper knows its drawn places; older ones do not.
func planned(wh model.Whisper) bool {
	for _, h := range wh.Hops {
		if h.Course.Planned != 0 {
			return true
		}
	}
	return false
}
