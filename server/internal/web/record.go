package web

import (
	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

// orderWords name the ways to order for people.
var orderWords = map[string]string{
	route.ShuffleV1: "A random order", route.WilliamsV1: "A balanced order (Williams square)",
	route.FixedV1: "An order by hand", route.UploadedV1: "A table",
}

// Moved are the turns that are not where the stored order put them. Whispers
// older than the record of planned places have none to compare with.
func (v whisperView) Moved() []hopView {
	var moved []hopView
	for _, h := range v.Hops {
		if v.Whisper.Policy.Number > 0 && h.Course.Planned != h.Position {
			moved = append(moved, h)
		}
	}
	return moved
}

// orderDoc is how the order of whisper.json came about.
type orderDoc struct {
	StartedBy string `json:"started_by"`
	Batch     string `json:"batch,omitempty"`
	Number    int    `json:"number,omitempty"`
	Software  string `json:"software,omitempty"`
}

func orderOf(w model.Whisper) orderDoc {
	return orderDoc{w.StartedBy, w.Policy.Batch, w.Policy.Number, w.Policy.Software}
}
