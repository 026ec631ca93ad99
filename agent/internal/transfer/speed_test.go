package transfer

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"illumi/protocol"
)

func TestClient_Measure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lost  int64 // bytes that the server says did not arrive
		short int64 // bytes that it does not send
		lied  bool
	}{
		{name: "a sound line"},
		{name: "a proxy that cuts what goes up", lost: 10, lied: true},
		{name: "a proxy that cuts what comes down", short: 10, lied: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != protocol.PathSpeed {
					return false
				}
				if r.Method == http.MethodGet {
					_, _ = io.Copy(w, io.LimitReader(protocol.SpeedBytes(), protocol.SpeedSize-tt.short)) // the box notices
					return true
				}
				n, _ := io.Copy(io.Discard, r.Body) // and here as well
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(protocol.SpeedReceipt{Received: n - tt.lost})
				return true
			}
			c := client(t, f, nil)
			s, err := c.Measure(t.Context())
			if tt.lied {
				if !errors.Is(err, ErrLied) {
					t.Errorf("error %v, want ErrLied", err)
				}
				return
			}
			if err != nil || s.Down <= 0 || s.Up <= 0 || s.RoundTrip <= 0 || time.Since(s.Server) > time.Minute {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}
