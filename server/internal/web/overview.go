package web

import (
	"github.com/labstack/echo/v4"

	"illumi/server/internal/relay"
)

// Overview is the part of the first page that answers at a glance what needs
// somebody, and which whisper waits for whom.
type Overview struct {
	Needs    []whisperRow
	Waiting  []whisperRow
	MoreWait bool
}

func (w *Web) overview(c echo.Context) (Overview, error) {
	o, err := w.Relay.Overview(c.Request().Context(), actor(c))
	if err != nil {
		return Overview{}, err
	}
	out := Overview{MoreWait: o.MoreWait}
	for _, part := range []struct {
		from []relay.OverviewRow
		to   *[]whisperRow
	}{{o.Needs, &out.Needs}, {o.Waiting, &out.Waiting}} {
		for _, r := range part.from {
			row := w.whisperRow(r.WhisperRow, r.Box)
			row.Project = r.Project
			*part.to = append(*part.to, row)
		}
	}
	return out, nil
}
