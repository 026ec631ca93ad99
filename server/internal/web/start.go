package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// boxList bounds the boxes of a page, and of a list to choose one from; a search
// finds the others.
const boxList = 20

type startView struct {
	Project model.Project
	Boxes   []boxRow
	More    bool // there are more boxes than the page shows
	Form    startForm
	Plan    [][]string // the orders as they would be; nil: not asked for
	// Warnings are what to know of the plan's boxes.
	Warnings []startWarning
}

type startForm struct {
	Title        string
	Alt          string // what the picture shows
	Audio, Image string // addresses of finished uploads
	// What their files were called, to show the form again as it was.
	AudioName, ImageName string
	Chosen               []string
	Count                string
	Seed                 string
	Key                  string
	Design               string
	Rows                 string            // the table of an uploaded order
	Places               map[string]string // of a fixed order, by box
	Find                 string            // part of a box's name
	Looked               bool              // the page shows what was just searched for
	Moved, Way           string            // the box that was moved, "up" or "down"
}

func (w *Web) startShow(c echo.Context) error {
	return w.start(c, http.StatusOK, startForm{Count: "1", Key: relay.NewKey(), Design: string(relay.Shuffled)}, nil, nil)
}

func (w *Web) start(c echo.Context, status int, f startForm, plan [][]string, e *model.Error) error {
	ctx := c.Request().Context()
	p, err := w.Relay.Project(ctx, actor(c), c.Param("project"))
	if err != nil {
		return err
	}
	devices, more, err := w.choosable(ctx, f)
	if err != nil {
		return err
	}
	if !actor(c).MayIn(p, model.Steer) {
		return model.Forbidden(model.Steer)
	}
	if f.Design == string(relay.Fixed) {
		f.number()
	}
	v := startView{Project: p, Form: f, Plan: plan, More: more}
	for _, d := range devices {
		if !d.RevokedAt.IsZero() {
			continue
		}
		row := boxRow{Device: d, Presence: w.presence(d), Chosen: slices.Contains(f.Chosen, d.ID), Place: f.Places[d.ID]}
		if d.ID == f.Moved {
			row.Moved = f.Way
		}
		v.Boxes = append(v.Boxes, row)
	}
	if f.Design == string(relay.Fixed) {
		slices.SortStableFunc(v.Boxes, func(a, b boxRow) int { return cmp.Compare(placeOf(a.Place), placeOf(b.Place)) })
	}
	if err := w.annotate(ctx, actor(c), &v, devices); err != nil {
		return err
	}
	return w.show(c, status, "start", page{Title: "Start a whisper", Nav: "projects", Data: v, Error: e})
}

func (w *Web) startSubmit(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		refused := model.Refuse(protocol.CodeInvalid, "This form could not be read.", "Load the page again and fill it in once more.")
		refused.Wrapped = err
		return refused
	}
	f := startForm{
		Title: form.Get("title"), Alt: form.Get("alt"), Audio: form.Get("audio"), Image: form.Get("image"),
		AudioName: form.Get("audio_name"), ImageName: form.Get("image_name"), Chosen: form["box"],
		Count: form.Get("count"), Seed: strings.TrimSpace(form.Get("seed")), Key: form.Get("key"),
		Find: strings.TrimSpace(form.Get("find")), Design: cmp.Or(form.Get("design"), string(relay.Shuffled)), Rows: form.Get("rows"), Places: map[string]string{},
	}
	for _, id := range f.Chosen {
		f.Places[id] = form.Get("place-" + id)
	}
	step := form.Get("step")
	if step == "enter" { // pressed in any field, and most likely in the one that was just filled in
		step = "preview"
		if f.Find != strings.TrimSpace(form.Get("found")) {
			step = "find"
		}
	}
	if f.Looked = step == "find"; f.Looked || f.move(step) {
		return w.start(c, http.StatusOK, f, nil, nil)
	}
	count, err := strconv.Atoi(f.Count)
	if err != nil || count < 1 {
		e := model.RefuseField("count", "This is not a number of whispers to start.", fmt.Sprintf("Choose 1 to %d.", model.MaxWhispers))
		return w.start(c, http.StatusUnprocessableEntity, f, nil, e)
	}
	request := relay.StartRequest{
		ProjectID: c.Param("project"), Title: f.Title, Alt: f.Alt, Audio: uploadID(f.Audio), Image: uploadID(f.Image),
		Boxes: f.inPlaces(), Count: count, Seed: f.Seed, Key: f.Key, Design: relay.Design(f.Design), Rows: f.Rows,
	}
	if step == "preview" {
		plan, seed, err := w.Relay.Preview(c.Request().Context(), actor(c), request)
		if err != nil {
			return w.startRefused(c, f, err)
		}
		f.Seed = seed
		return w.start(c, http.StatusOK, f, plan.Rows, nil)
	}
	started, err := w.Relay.Start(c.Request().Context(), actor(c), request)
	if err != nil {
		return w.startRefused(c, f, err)
	}
	if len(started) == 1 {
		return c.Redirect(http.StatusSeeOther, "/whispers/"+started[0].ID)
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+c.Param("project"))
}

// choosable are the chosen boxes, whatever is searched for, and those that the
// search finds beside them; more: there are others.
func (w *Web) choosable(ctx context.Context, f startForm) (list []model.Device, more bool, err error) {
	chosen := map[string]model.Device{}
	if len(f.Chosen) > 0 {
		if chosen, err = w.Relay.BoxesByID(ctx, f.Chosen[:min(len(f.Chosen), model.MaxBoxes)]); err != nil {
			return nil, false, err
		}
	}
	found, more, err := w.offered(ctx, f.Find, chosen)
	list = slices.SortedFunc(maps.Values(chosen), func(a, b model.Device) int { return cmp.Compare(a.Name, b.Name) })
	return append(list, found...), more, err
}

// manyBoxes are looked through at once where few of them can be offered.
const manyBoxes = 200

// offered are the first boxes by name that a search finds and that can be chosen,
// beside those taken already; more: there are others.
func (w *Web) offered(ctx context.Context, find string, taken map[string]model.Device) (list []model.Device, more bool, err error) {
	for after, size := "", boxList+1; ; size = manyBoxes {
		page, err := w.Relay.Boxes(ctx, after, find, size)
		for _, d := range page {
			after = d.Name
			if _, is := taken[d.ID]; is || !d.RevokedAt.IsZero() {
				continue
			}
			if len(list) == boxList {
				return list, true, nil
			}
			list = append(list, d)
		}
		if err != nil || len(page) < size {
			return list, false, err
		}
	}
}

// startRefused shows the form again with what is wrong with it.
func (w *Web) startRefused(c echo.Context, f startForm, err error) error {
	e, err := refusal(err)
	if err != nil {
		return err
	}
	f.forget(e)
	return w.start(c, http.StatusUnprocessableEntity, f, nil, e)
}

// inPlaces are the chosen boxes; for an order of one's own by their places,
// those without a place last.
func (f *startForm) inPlaces() []string {
	chosen := slices.Clone(f.Chosen)
	if f.Design != string(relay.Fixed) {
		return chosen
	}
	slices.SortStableFunc(chosen, func(a, b string) int { return cmp.Compare(placeOf(f.Places[a]), placeOf(f.Places[b])) })
	return chosen
}

// placeOf reads a place; what is none comes last.
func placeOf(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return math.MaxInt
	}
	return n
}

// number gives the chosen boxes the places 1, 2, 3 and so on, in their order.
func (f *startForm) number() {
	places := map[string]string{}
	for i, id := range f.inPlaces() {
		places[id] = strconv.Itoa(i + 1)
	}
	f.Places = places
}

// move carries out a step such as "up:" and a box's id; false: it is no such step.
func (f *startForm) move(step string) bool {
	way, id, ok := strings.Cut(step, ":")
	if !ok || way != "up" && way != "down" {
		return false
	}
	f.Design, f.Moved, f.Way = string(relay.Fixed), id, way
	if !slices.Contains(f.Chosen, id) {
		f.Chosen = append(f.Chosen, id)
	}
	order := f.inPlaces()
	at := slices.Index(order, id)
	to := at + 1
	if way == "up" {
		to = at - 1
	}
	if to >= 0 && to < len(order) {
		order[at], order[to] = order[to], order[at]
	}
	for i, id := range order {
		f.Places[id] = strconv.Itoa(i + 1)
	}
	return true
}

// forget drops a file that the server does not have any more.
func (f *startForm) forget(e *model.Error) {
	if e.Code != protocol.CodeUploadUnknown {
		return
	}
	switch e.Field {
	case "audio":
		f.Audio, f.AudioName = "", ""
	case "image":
		f.Image, f.ImageName = "", ""
	}
}

// uploadID takes the id out of an upload's address.
func uploadID(address string) string {
	if address == "" {
		return ""
	}
	return path.Base(address)
}
