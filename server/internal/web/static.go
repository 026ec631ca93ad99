package web

import (
	"io/fs"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/web/assets"
)

// asset serves a bundled file, packed where the browser takes it packed. Names
// that hold a hash of their bytes may be kept for ever.
func (w *Web) asset(c echo.Context) error {
	name := c.Param("*")
	h := c.Response().Header()
	data, err := fs.ReadFile(assets.FS(), name+".gz")
	if err == nil && strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
	} else if data, err = fs.ReadFile(assets.FS(), name); err != nil {
		return echo.ErrNotFound
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if assets.Hashed(name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	return c.Blob(http.StatusOK, contentType(name), data)
}
