package rest

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func TestBoxDetail(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	d := model.Device{ID: "d", Status: protocol.Status{State: "IDLE", DiskFree: 100e6, ClockSync: true}}
	got := boxDetail(d, relay.BoxPast{
		Faults: []model.BoxReport{{Report: protocol.Report{Code: protocol.ReportMic}, ReceivedAt: now}},
		Checks: []model.BoxCheck{
			{Check: protocol.Check{Kind: protocol.CheckDoctor, Items: []protocol.CheckItem{{Part: "disk", Verdict: protocol.VerdictFailed, Text: "Full.", Next: "Bring another."}}}, ReceivedAt: now},
			{Check: protocol.Check{Kind: protocol.CheckSelfTest}},
		},
		Open: []model.BoxRequest{{ID: "r", Kind: protocol.TypeCheck, AskedAt: now}},
	}, true, now)
	if len(got.Health) != len(d.Status.Lines()) || got.Health[3] != (BoxLine{Key: "room", Name: "Free space", Words: "0.1 GB", Level: protocol.Bad}) {
		t.Errorf("health %+v", got.Health)
	}
	if len(got.Faults) != 1 || got.Faults[0].Words != "The microphone gave no sound." || got.Faults[0].Next == "" {
		t.Errorf("faults %+v", got.Faults)
	}
	if c := got.LastCheck; c == nil || c.Kind != protocol.CheckDoctor || c.Verdict != protocol.VerdictFailed || c.Parts[0].Next != "Bring another." {
		t.Errorf("the last check is %+v", got.LastCheck)
	}
	if len(got.Asked) != 1 || got.Asked[0].What != protocol.TypeCheck || !got.Place.Photo || !got.Place.Announce {
		t.Errorf("asked for %+v at %+v", got.Asked, got.Place)
	}
	fresh := boxDetail(model.Device{ID: "d"}, relay.BoxPast{}, false, now)
	if fresh.LastCheck != nil || len(fresh.Health) != 0 || fresh.Health == nil || fresh.Faults == nil {
		t.Errorf("a box that never spoke is %+v", fresh)
	}
}
