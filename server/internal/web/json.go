package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// The shape of whisper.json (design 4.1).
type (
	whisperDoc struct {
		ID             string     `json:"id"`
		Title          string     `json:"title"`
		State          string     `json:"state"`
		Seed           string     `json:"seed"`
		OrderAlgorithm string     `json:"order_algorithm"`
		OrderInput     []string   `json:"order_input"`
		Order          orderDoc   `json:"order"`
		StartedAt      *time.Time `json:"started_at"`
		CompletedAt    *time.Time `json:"completed_at"`
		Origin         origin     `json:"origin"`
		Hops           []hopDoc   `json:"hops"`
	}
	origin struct {
		Files []fileDoc `json:"files"`
	}
	hopDoc struct {
		Position    int        `json:"position"`
		Planned     int        `json:"planned,omitempty"` // by the order; absent: added later
		Device      string     `json:"device"`
		State       string     `json:"state"`
		OfferedAt   *time.Time `json:"offered_at"`
		DeliveredAt *time.Time `json:"delivered_at"`
		HeardAt     *time.Time `json:"heard_at"`
		ReceivedAt  *time.Time `json:"received_at"`
		Files       []fileDoc  `json:"files"`
	}
	fileDoc struct {
		Role    protocol.Role `json:"role"`
		Variant model.Variant `json:"variant"`
		Name    string        `json:"name"`
		Size    int64         `json:"size"`
		SHA256  string        `json:"sha256"`
		Type    string        `json:"type"`
	}
)

func (w *Web) whisperJSON(c echo.Context) error {
	v, err := w.Relay.Course(c.Request().Context(), actor(c), c.Param("whisper"))
	if err != nil {
		return err
	}
	wh := v.Whisper
	doc := whisperDoc{
		ID: wh.ID, Title: wh.Title, State: string(wh.State), Seed: wh.Order.Seed,
		OrderAlgorithm: wh.Order.Algorithm, OrderInput: wh.Order.Input, Order: orderOf(wh),
		StartedAt: when(wh.StartedAt), CompletedAt: when(wh.CompletedAt),
		Origin: origin{filesAt(v, "")}, Hops: []hopDoc{},
	}
	for _, h := range wh.Hops {
		doc.Hops = append(doc.Hops, hopDoc{
			Position: h.Position, Planned: h.Course.Planned, Device: v.Boxes[h.DeviceID].Name, State: string(h.State),
			OfferedAt: when(h.OfferedAt), DeliveredAt: when(h.DeliveredAt), HeardAt: when(h.HeardAt),
			ReceivedAt: when(h.ReceivedAt), Files: hopFiles(v, h),
		})
	}
	return c.JSONPretty(http.StatusOK, doc, "  ")
}

func hopFiles(v relay.View, h model.Hop) []fileDoc {
	if h.ReplyID == "" {
		return []fileDoc{}
	}
	return filesAt(v, h.ReplyID)
}

func filesAt(v relay.View, reply string) []fileDoc {
	docs := []fileDoc{}
	for _, f := range v.FilesOf(reply) {
		docs = append(docs, fileDoc{f.Role, f.Variant, fileName(f), f.Size, f.SHA256, f.Type})
	}
	return docs
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
