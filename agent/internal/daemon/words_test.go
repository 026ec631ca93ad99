package daemon

import (
	"strings"
	"testing"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// phases are all that a box may tell.
var phases = []flow.Phase{
	flow.Boot, flow.Idle, flow.New, flow.NewQuiet, flow.Playing, flow.Invite, flow.Heard, flow.RecReady, flow.Recording, flow.Check,
	flow.Empty, flow.PhotoAsk, flow.PhotoCount, flow.Review, flow.Draft, flow.Sending, flow.Sent, flow.Queued, flow.Recall, flow.Paused,
	flow.Ended, flow.MicFault, flow.SelfTesting,
}

// Whoever looks at a box, by its own status, by its page or by the server's,
// reads words for every state: the places of the other tests are all of them.
func TestWords_ForEveryState(t *testing.T) {
	at := map[flow.Phase]bool{flow.Boot: true}
	for _, p := range places() {
		at[p.phase] = true
	}
	for _, p := range phases {
		if !at[p] {
			t.Errorf("%s is in no test of every state", p)
		}
		plain := strings.ToLower(strings.ReplaceAll(string(p), "_", " "))
		if w := protocol.StateWords(string(p)); w == plain || w == "" {
			t.Errorf("%s has no words on the server's page", p)
		}
		if w := panel.Words(string(p)); w == string(p) || !strings.HasSuffix(w, ".") {
			t.Errorf("%s has no words on the box's own page: %q", p, w)
		}
	}
	if len(at) != len(phases) {
		t.Errorf("%d states, %d are known here", len(at), len(phases))
	}
}
