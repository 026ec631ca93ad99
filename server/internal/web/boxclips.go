package web

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// Accept takes a file that a form sent in one piece, and finishes it as any upload.
type Accept func(ctx context.Context, user string, r io.Reader, limit int64) (model.Upload, error)

// A sentence of half a minute has 6 MB as a WAV of a studio. How long it may
// take to come is for a thin line.
const (
	maxClipUpload = 10_000_000
	clipWait      = 3 * time.Minute
)

// sentences are a group of what a box can say.
type sentences struct {
	Name      string
	Sentences []protocol.Sentence
}

// grouped is what can be replaced, as the page lists it.
var grouped = group(protocol.Sentences())

func group(all []protocol.Sentence) []sentences {
	groups := []sentences{{Name: "On every box"}, {Name: "With two buttons"}, {Name: "With three buttons"}, {Name: "For whoever sets it up"}, {Name: "Numbers"}}
	for _, s := range all {
		at := 0
		for i, prefixes := range [][]string{1: {"2_"}, 2: {"3_"}, 3: {"practice", "test_", "wifi_"}, 4: {"digit_"}} {
			for _, p := range prefixes {
				if strings.HasPrefix(s.Key, p) {
					at = i
				}
			}
		}
		groups[at].Sentences = append(groups[at].Sentences, s)
	}
	return groups
}

// boxClip is a sentence that somebody else speaks.
type boxClip struct {
	model.Clip
	Text string
}

func clipViews(clips []model.Clip) []boxClip {
	texts := map[string]string{}
	for _, s := range protocol.Sentences() {
		texts[s.Key] = s.Text
	}
	var list []boxClip
	for _, c := range clips {
		text := texts[c.Key]
		if text == "" {
			text = c.Key // of an older or a later box
		}
		list = append(list, boxClip{c, text})
	}
	return list
}

// clipPlay lets people hear a clip of a box.
func (w *Web) clipPlay(c echo.Context) error {
	clip, err := w.Relay.Clip(c.Request().Context(), actor(c), c.Param("box"), c.Param("key"))
	if err != nil {
		return err
	}
	return w.serveFile(c, model.File{SHA256: clip.SHA256, Type: "audio/wav", Role: protocol.RoleAudio, Variant: model.VariantShared})
}

// clipSet takes a recording of a sentence. Who may not change the box is told so
// before anything is read.
func (w *Web) clipSet(c echo.Context) error {
	who := actor(c)
	if !who.May(model.ManageBoxes) {
		return model.Forbidden(model.ManageBoxes)
	}
	key, err := w.takeClip(c, who)
	return w.boxResult(c, err, "clip", func(v *boxView) { v.Key = key })
}

func (w *Web) takeClip(c echo.Context, who model.Actor) (key string, err error) {
	ctx, r := c.Request().Context(), c.Request()
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(clipWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return "", err
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxClipUpload+64<<10)
	parts, err := r.MultipartReader()
	if err != nil {
		return "", model.RefuseField("file", "No recording came.", "Choose a file.")
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return key, model.RefuseField("file", "No recording came.", "Choose a file.")
		case err != nil:
			return key, broken(err)
		}
		switch part.FormName() {
		case "key":
			if key, err = small(part); err != nil {
				return key, err
			}
		case "file":
			if part.FileName() == "" {
				continue
			}
			u, err := w.Accept(ctx, who.UserID, part, maxClipUpload)
			if err != nil {
				return key, aboutFile(err)
			}
			return key, w.Relay.SetClip(ctx, who, c.Param("box"), key, u.ID)
		}
	}
}

// small reads a part that is a word.
func small(part *multipart.Part) (string, error) {
	data, err := io.ReadAll(io.LimitReader(part, 100))
	if err != nil {
		return "", broken(err)
	}
	return string(data), nil
}

// broken is a form that did not come to its end.
func broken(err error) error {
	e := model.RefuseField("file", "The recording did not arrive whole.", "Try again, or choose a smaller file.")
	e.Wrapped = err
	return e
}

// aboutFile puts a refusal of the file beside its field.
func aboutFile(err error) error {
	if e, ok := model.AsError(err); ok {
		near := *e
		near.Field = "file"
		return &near
	}
	return err
}

func (w *Web) clipRemove(c echo.Context) error {
	err := w.Relay.RemoveClip(c.Request().Context(), actor(c), c.Param("box"), c.Param("key"))
	return w.boxResult(c, err, "noclip", nil)
}
