package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
)

// speedDown gives a box bytes to time its line with. They are drawn from the
// stream cipher of math/rand, so that nothing on the way can make them fewer.
func (a *API) speedDown(c echo.Context) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
	h.Set(echo.HeaderCacheControl, "no-store, no-transform")
	c.Response().WriteHeader(http.StatusOK)
	_, err := io.Copy(c.Response(), protocol.SpeedBytes())
	return err
}

// speedWait is what the slowest line that carries whispers needs.
const speedWait = 3 * time.Minute

// speedUp takes such bytes, and keeps nothing of them.
func (a *API) speedUp(c echo.Context) error {
	r := c.Request()
	// A slow line is what is to be found out here.
	if err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(speedWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("api: wait for a slow line: %w", err)
	}
	n, err := io.Copy(io.Discard, http.MaxBytesReader(c.Response(), r.Body, protocol.SpeedSize))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, protocol.SpeedReceipt{Received: n})
}
