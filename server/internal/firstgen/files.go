package firstgen

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// file gives a box one file of its present turn.
func (s *Service) file(c echo.Context) error {
	name, ext := c.Param("name"), path.Ext(c.Param("name"))
	name = strings.TrimSuffix(name, ext)
	if len(name) != 32 {
		return model.NotFound("file")
	}
	ctx := c.Request().Context()
	f, err := s.Relay.FirstGenFile(ctx, name)
	if err != nil {
		return err
	}
	boxes, _ := c.Get(keyBoxes).([]model.Device)
	if ext != (model.File{Type: f.Type}).Extension() || !listed(boxes, f.DeviceID) {
		return model.NotFound("file")
	}
	bytes, err := s.Media(f.SHA256)
	if err != nil {
		return fmt.Errorf("firstgen: open media: %w", err)
	}
	defer func() { _ = bytes.Close() }() // read only
	info, err := bytes.Stat()
	if err != nil {
		return fmt.Errorf("firstgen: look at media: %w", err)
	}
	h := c.Response().Header()
	h.Set("Content-Type", f.Type)
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("Cache-Control", "private, no-store")
	before := c.Response().Size
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes)
	whole := c.Response().Status == http.StatusOK && c.Response().Size-before == info.Size() && c.Request().Method == http.MethodGet
	if !whole || !strings.HasPrefix(f.Type, "audio/") {
		return nil
	}
	// The recording is on the box: as near to "delivered" as this wire comes. Such a client hangs up with the
	// last byte, which must not keep it from being written down.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = s.Relay.Progress(ctx, f.DeviceID, protocol.TypeDelivered, protocol.Progress{Hop: f.HopID, Epoch: f.Epoch})
	if err != nil {
		s.Log.Warn("a delivery could not be written down", "device", f.DeviceID, "error", err)
	}
	return nil
}
