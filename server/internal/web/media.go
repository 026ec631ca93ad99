package web

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// extensions of the types that are kept; a type that is not here is never
// shown inside a page.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp",
	"audio/wav": ".wav", "audio/flac": ".flac", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/mp4": ".m4a",
}

// fileName is a file's stable name within its whisper.
func fileName(f model.File) string {
	return fmt.Sprintf("%02d_%s_%s%s", f.Position, f.Role, f.Variant, extensions[f.Type])
}

// fileWish reads such a name.
func fileWish(name string) (relay.FileWish, bool) {
	parts := strings.Split(strings.TrimSuffix(name, path.Ext(name)), "_")
	if len(parts) != 3 {
		return relay.FileWish{}, false
	}
	position, err := strconv.Atoi(parts[0])
	wish := relay.FileWish{Position: position, Role: protocol.Role(parts[1]), Variant: model.Variant(parts[2])}
	return wish, err == nil && position >= 0
}

// fileURL is where a page finds a file. It names the reply: a turn's answer can
// be taken back and given anew, and must not come out of a cache then.
func fileURL(f model.File) string {
	u := url.URL{Path: "/whispers/" + f.WhisperID + "/media/" + fileName(f)}
	if f.ReplyID != "" {
		u.RawQuery = url.Values{"reply": {f.ReplyID}}.Encode()
	}
	return u.String()
}

// whisperMedia streams one file of a whisper to somebody who may see it.
func (w *Web) whisperMedia(c echo.Context) error {
	wish, ok := fileWish(c.Param("name"))
	if !ok {
		return model.NotFound("file")
	}
	wish.Whisper, wish.Reply = c.Param("whisper"), c.QueryParam("reply")
	f, err := w.Relay.FindFile(c.Request().Context(), actor(c), wish)
	if err != nil {
		return err
	}
	if fileName(f) != c.Param("name") {
		return model.NotFound("file")
	}
	return w.serveFile(c, f)
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
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	// A browser may keep the bytes, and asks each time whether it still may show them.
	h.Set("Cache-Control", "private, no-cache")
	disposition := "inline"
	if f.Variant == model.VariantOriginal || extensions[f.Type] == "" {
		disposition = "attachment" // as it came, place and camera data included
	}
	h.Set("Content-Disposition", disposition+`; filename="`+fileName(f)+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, file)
	return nil
}
