package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/store"
)

func TestRenderer_FullDisk(t *testing.T) {
	for _, at := range []string{"/page", "/api/v1/x"} {
		w, book := serveOnce(t, at, func(echo.Context) error { return fmt.Errorf("store: keep a reply: %w", store.ErrFull) })
		if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), "The server's disk is full.") {
			t.Errorf("%s: %d %s", at, w.Code, w.Body)
		}
		if len(book.lines) != 1 || !strings.Contains(book.lines[0], `"level":"ERROR","msg":"the disk is full"`) {
			t.Errorf("logged %q", book.lines)
		}
	}
}
