package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"illumi/server/internal/model"
)

// hangsUp is a client that ends its request with the last byte.
type hangsUp struct {
	http.ResponseWriter
	gone context.CancelFunc
}

func (h hangsUp) Write(p []byte) (int, error) {
	n, err := h.ResponseWriter.Write(p)
	h.gone()
	return n, err
}

// A box of the first generation has the recording, although it did not wait for us to write that down.
func TestFirstGen_hangsUpWithTheLastByte(t *testing.T) {
	r := newRig(t)
	old := r.firstGen("old", lab)
	whisper := r.person("owner@example.org", model.RoleResearcher).start("straight", old)
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+r.addr+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	defer func() { _ = ws.Close() }()
	var push struct {
		Audio string `json:"audio_url"`
	}
	if err := ws.WriteJSON(map[string]string{"username": "old"}); err != nil {
		t.Fatal(err)
	}
	if err := ws.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := ws.ReadJSON(&push); err != nil {
		t.Fatal(err)
	}
	ctx, gone := context.WithCancel(t.Context())
	defer gone()
	req := httptest.NewRequestWithContext(ctx, "GET", push.Audio, nil)
	req.RemoteAddr = "127.0.0.1:1"
	got := httptest.NewRecorder()
	r.Handler().ServeHTTP(hangsUp{got, gone}, req)
	if got.Code != http.StatusOK {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	hop := must(r.relay.Whisper(t.Context(), operator, whisper))(t).Whisper.Hops[0]
	if hop.State != model.HopDelivered || hop.DeliveredAt.IsZero() {
		t.Errorf("the turn is %s, delivered at %s", hop.State, hop.DeliveredAt)
	}
}
