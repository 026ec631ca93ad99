package daemon

import (
	"path/filepath"
	"testing"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// Who stands at the box is told what its server is told, and what that wants.
func TestControl_TellsHowTheBoxIs(t *testing.T) {
	control := filepath.Join(t.TempDir(), "control")
	b := start(t, t.TempDir(), newServer(t), func(o *Options) {
		o.Control = control
		o.Health = func() protocol.Health {
			return protocol.Health{Undervoltage: protocol.No, Throttled: protocol.Unknown, Speaker: "Speaker"}
		}
	})
	b.until("the first state", func(s flow.State) bool { return s.Phase == flow.Idle })
	listens(t, control)
	want := Workshop()
	want.Version, want.Volume = 7, 3
	b.tell(link.Hint{Kind: link.Settings, Settings: &want})
	b.d.post(t.Context(), func() { b.d.keepVolume(4) })
	n, err := AskNow(t.Context(), control)
	must(t, err)
	if n.State != string(flow.Idle) || n.DiskFree <= 0 || n.Health == nil || n.Health.Speaker != "Speaker" {
		t.Errorf("%+v", n)
	}
	if n.Wanted != want || n.InForce == nil || n.InForce.Volume != 4 || n.Settings != 7 {
		t.Errorf("wanted %+v, in force %+v", n.Wanted, n.InForce)
	}
}
