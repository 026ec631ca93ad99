package web

import (
	"github.com/labstack/echo/v4"

	"illumi/server/internal/relay"
)

// Overview is the part of the first page that answers at a glance what needs
// somebody, and which whisper waits for whom.
type Overview struct {
	Needs    []overviewRow
	Waiting  []overviewRow
	MoreWait bool
}

type overviewRow struct {
	whisperRow
	Project string
}

func (w *Web) overview(c echo.Context) (Overview, error) {
	o, err := w.Relay.Overview(c.Request().Context(), actor(c))
	if err != nil {
		return Overview{}, err
	}
	out := Overview{MoreWait: o.MoreWait}
	for _, part := range []struct {
		from []relay.OverviewRow
		to   *[]overviewRow
	}{{o.Needs, &out.Needs}, {o.Waiting, &out.Waiting}} {
		for _, r := range part.from {
			*part.to = append(*part.to, overviewRow{w.whisperRow(r.WhisperRow, r.Box), r.Project})
		}
	}
	return out, nil
}
