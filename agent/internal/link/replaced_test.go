package link

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Two copies of one box throw each other out: ever more seldom.
func TestLink_ReplacedWaitsLongerEachTime(t *testing.T) {
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		thrown := func(code int, text string) (wait time.Duration) {
			last := time.Now()
			p := <-w.peers
			wait = time.Since(last)
			p.greet()
			expect(t, l, Up)
			if err := p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second)); err != nil {
				t.Error(err)
			}
			p.readClose()
			p.close()
			expect(t, l, Down)
			return wait
		}
		for i, want := range []time.Duration{0, 500, 1000, 2000, 4000} {
			if got := thrown(websocket.ClosePolicyViolation, "replaced"); got != want*time.Millisecond {
				t.Errorf("connection %d after %v, want %v", i+1, got, want*time.Millisecond)
			}
		}
		thrown(websocket.CloseGoingAway, "")
		if got := thrown(websocket.CloseGoingAway, ""); got != 500*time.Millisecond {
			t.Errorf("after an ordinary end it came after %v", got)
		}
	})
}
