package panel

import (
	"strings"
	"testing"

	"illumi/agent/internal/flow"
)

func TestWords_NoStateIsJargon(t *testing.T) {
	for _, p := range []flow.Phase{flow.Boot, flow.Idle, flow.New, flow.NewQuiet, flow.Playing, flow.Invite, flow.Heard, flow.RecReady,
		flow.Recording, flow.Check, flow.Empty, flow.PhotoAsk, flow.PhotoCount, flow.Review, flow.Draft, flow.Sending, flow.Sent,
		flow.Queued, flow.Recall, flow.Paused, flow.Ended, flow.MicFault} {
		if w := Words(string(p)); w == string(p) || !strings.HasSuffix(w, ".") {
			t.Errorf("%s is %q", p, w)
		}
	}
	if Words("sleeping") != "sleeping" {
		t.Error("an unknown state has no name")
	}
}

func TestConnection(t *testing.T) {
	for want, v := range map[string]View{
		"connected": {Online: true}, "connected, sending": {Online: true, Waiting: 1},
		"no connection: kept safe, retrying":                               {Waiting: 2},
		"turned away by the server: This box was removed from the server.": {Refusal: "This box was removed from the server."},
	} {
		if got := Connection(v); got != want {
			t.Errorf("%+v: %q", v, got)
		}
	}
}
