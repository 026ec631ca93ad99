package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// whisperView is the whisper's page.
type whisperView struct {
	relay.View
	Seed     answer
	Last     *hopView // the latest answered hop
	Hops     []hopView
	Late     []lateView
	Answered int
	Waiting  *hopView // whose turn it is
}

// answer is what was said and shown at one position.
type answer struct {
	Image, Audio     *model.File // shared copies
	ImageURL         string
	AudioURL         string
	OriginalImageURL string
	OriginalAudioURL string
}

type hopView struct {
	model.Hop
	Box      string
	Presence presence
	Word     string
	Icon     string
	Since    time.Time
	Answer   answer
	Reply    *model.Reply
}

type lateView struct {
	Box    string
	Reply  model.Reply
	Answer answer
}

// hopWords says a hop's state to people.
var hopWords = map[model.HopState][2]string{
	model.HopPlanned:   {"not yet its turn", "planned"},
	model.HopOffered:   {"waiting for the box to fetch it", "offered"},
	model.HopDelivered: {"at the box, not heard yet", "delivered"},
	model.HopHeard:     {"heard, not answered yet", "heard"},
	model.HopReceived:  {"answered", "received"},
	model.HopHeld:      {"answered, going on after the pause", "held"},
	model.HopApproved:  {"answered", "approved"},
	model.HopSkipped:   {"skipped", "skipped"},
	model.HopRejected:  {"not passed on", "rejected"},
	model.HopWithdrawn: {"not answered", "withdrawn"},
}

func (w *Web) view(c echo.Context) (whisperView, error) {
	v, err := w.Relay.Whisper(c.Request().Context(), actor(c), c.Param("whisper"))
	if err != nil {
		return whisperView{}, err
	}
	return w.compose(v), nil
}

func (w *Web) compose(v relay.View) whisperView {
	out := whisperView{View: v, Seed: answerOf(v, 0, "")}
	for _, h := range v.Whisper.Hops {
		hv := hopView{Hop: h, Box: v.Boxes[h.DeviceID].Name, Presence: w.presence(v.Boxes[h.DeviceID])}
		words := hopWords[h.State]
		hv.Word, hv.Icon = words[0], words[1]
		if h.State == model.HopPlanned && !h.ReadyAt.IsZero() {
			hv.Word = "its turn; the box has another whisper first"
		}
		hv.Since = since(h)
		if h.ReplyID != "" {
			hv.Answer = answerOf(v, h.Position, h.ReplyID)
			if i := slices.IndexFunc(v.Replies, func(r model.Reply) bool { return r.ID == h.ReplyID }); i >= 0 {
				hv.Reply = &v.Replies[i]
			}
			out.Answered++
		}
		out.Hops = append(out.Hops, hv)
	}
	for i := range out.Hops {
		h := &out.Hops[i]
		if h.ReplyID != "" {
			out.Last = h
		} else if !h.State.Over() && out.Waiting == nil {
			out.Waiting = h
		}
	}
	for _, r := range v.Replies {
		if r.State == protocol.ReplyLate {
			position := 0
			if h, ok := v.Whisper.HopByID(r.HopID); ok {
				position = h.Position
			}
			out.Late = append(out.Late, lateView{v.Boxes[r.DeviceID].Name, r, answerOf(v, position, r.ID)})
		}
	}
	return out
}

// since is when a hop came to its present state.
func since(h model.Hop) time.Time {
	for _, t := range []time.Time{h.EndedAt, h.ApprovedAt, h.ReceivedAt, h.HeardAt, h.DeliveredAt, h.OfferedAt, h.ReadyAt} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func answerOf(v relay.View, position int, reply string) answer {
	var a answer
	for i := range v.Files {
		f := &v.Files[i]
		if f.Position != position || f.ReplyID != reply {
			continue
		}
		url := "/whispers/" + v.Whisper.ID + "/media/" + fileName(*f)
		if reply != "" && f.ReplyID != acceptedReply(v, position) {
			url += "?reply=" + f.ReplyID
		}
		switch {
		case f.Role == protocol.RoleImage && f.Variant == model.VariantShared:
			a.Image, a.ImageURL = f, url
		case f.Role == protocol.RoleImage:
			a.OriginalImageURL = url
		case f.Variant == model.VariantShared:
			a.Audio, a.AudioURL = f, url
		default:
			a.OriginalAudioURL = url
		}
	}
	return a
}

func acceptedReply(v relay.View, position int) string {
	if h, ok := v.Whisper.Hop(position); ok {
		return h.ReplyID
	}
	return ""
}

func (w *Web) whisperShow(c echo.Context) error {
	v, err := w.view(c)
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		return w.part(c, http.StatusOK, "whisper", "chain", v)
	}
	return w.show(c, http.StatusOK, "whisper", page{Title: v.Whisper.Title, Nav: "projects", Data: v})
}

func (w *Web) whisperLive(c echo.Context) error {
	if _, err := w.view(c); err != nil {
		return err
	}
	return w.live(c, bus.Whisper(c.Param("whisper")))
}

func (w *Web) whisperSteer(c echo.Context) error {
	steer, ok := map[string]func() error{
		"pause":  func() error { return w.Relay.Pause(c.Request().Context(), actor(c), c.Param("whisper")) },
		"resume": func() error { return w.Relay.Resume(c.Request().Context(), actor(c), c.Param("whisper")) },
		"end":    func() error { return w.Relay.End(c.Request().Context(), actor(c), c.Param("whisper")) },
	}[c.Param("step")]
	if !ok {
		return echo.ErrNotFound
	}
	if err := steer(); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/whispers/"+c.Param("whisper"))
}

// fileName is a file's stable name within its whisper.
func fileName(f model.File) string {
	return fmt.Sprintf("%02d_%s_%s%s", f.Position, f.Role, f.Variant, extensions[f.Type])
}

// extensions of the types that are kept; a type that is not here is never
// shown inside a page.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp",
	"audio/wav": ".wav", "audio/flac": ".flac", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/mp4": ".m4a",
}

// whisperMedia streams one file of a whisper to somebody who may see it.
func (w *Web) whisperMedia(c echo.Context) error {
	v, err := w.Relay.Whisper(c.Request().Context(), actor(c), c.Param("whisper"))
	if err != nil {
		return err
	}
	for _, f := range v.Files {
		reply := c.QueryParam("reply")
		if reply == "" {
			reply = acceptedReply(v, f.Position)
		}
		if fileName(f) == c.Param("name") && f.ReplyID == reply {
			return w.serveFile(c, f)
		}
	}
	return model.NotFound("file")
}

func (w *Web) serveFile(c echo.Context, f model.File) error {
	file, err := w.Media.Open(f.SHA256)
	if err != nil {
		return fmt.Errorf("web: open media: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	h := c.Response().Header()
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("Content-Type", f.Type)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	// Private, but a page may keep what it just showed: the name never changes its bytes.
	h.Set("Cache-Control", "private, max-age=3600")
	disposition := "inline"
	if extensions[f.Type] == "" {
		disposition = "attachment"
	}
	h.Set("Content-Disposition", disposition+`; filename="`+fileName(f)+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, file)
	return nil
}
