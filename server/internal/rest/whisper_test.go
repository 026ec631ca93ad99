package rest

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// A late answer stands beside the chain, with its own files; one that was taken
// back stands nowhere.
func TestWhisperShape_Late(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	got := whisperShape(relay.View{
		Whisper: model.Whisper{
			ID: "w", Policy: model.Policy{Batch: "b", Number: 2},
			Hops: []model.Hop{{ID: "h", Position: 1, DeviceID: "d", State: model.HopApproved, ReplyID: "good", Epoch: 3, Course: model.Course{Decisions: 1, AskAt: now}}},
		},
		Boxes: map[string]model.Device{"d": {ID: "d", Name: "box"}},
		Files: []model.File{{ID: "seed", Alt: "Gulls"}, {ID: "f1", Position: 1, ReplyID: "good"}, {ID: "f2", Position: 1, ReplyID: "late"}},
		Replies: []model.Reply{
			{ID: "good", HopID: "h", DeviceID: "d", State: protocol.ReplyAccepted},
			{ID: "back", HopID: "h", DeviceID: "d", State: protocol.ReplyTakenBack},
			{ID: "late", HopID: "h", DeviceID: "d", State: protocol.ReplyLate, ReceivedAt: now},
		},
	})
	if len(got.Late) != 1 || got.Late[0].Reply != "late" || len(got.Late[0].Files) != 1 || got.Late[0].Files[0].ID != "f2" || !got.Late[0].ReceivedAt.Equal(now) {
		t.Errorf("beside the chain: %+v", got.Late)
	}
	if h := got.Hops[0]; h.Version != "3.1" || len(h.Files) != 1 || h.Files[0].ID != "f1" || h.AskAt == nil || h.SkipAt != nil {
		t.Errorf("the turn is %+v", h)
	}
	if got.Batch != "b" || got.Number != 2 || len(got.Origin) != 1 || got.Origin[0].Alt != "Gulls" {
		t.Errorf("the whisper is %+v", got)
	}
}

// What a decision is about is read back as it was given out.
func TestParseVersion(t *testing.T) {
	h := model.Hop{Epoch: 12, Course: model.Course{Decisions: 3}}
	if e, d, err := parseVersion(hopVersion(h)); e != 12 || d != 3 || err != nil {
		t.Errorf("%d %d %v", e, d, err)
	}
	for _, text := range []string{"", "1", "1.", ".1", "1.x", "1.2.3"} {
		if _, _, err := parseVersion(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
