package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func TestFacts_inNaturalWords(t *testing.T) {
	for want, f := range map[string]protocol.Facts{
		"listened once, spoke twice, sent by a press":                  {Plays: 1, Takes: 2, SentBy: "press"},
		"listened 3 times, spoke once, wanted no photo":                {Plays: 3, Takes: 1, Photo: "declined"},
		"spoke once, the photo failed, sent by itself after the pause": {Takes: 1, Photo: "failed", SentBy: "grace"},
		"": {},
	} {
		if got := facts(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWaits_untilSomebodyActs(t *testing.T) {
	now := time.Unix(1, 0)
	for _, tc := range []struct {
		hop  model.Hop
		want bool
	}{
		{model.Hop{State: model.HopPlanned, ReadyAt: now}, true}, {model.Hop{State: model.HopOffered}, true},
		{model.Hop{State: model.HopDelivered}, true}, {model.Hop{State: model.HopHeard}, true},
		{model.Hop{State: model.HopHeard, RecordingAt: now}, false}, {model.Hop{State: model.HopHeard, SavedAt: now}, false},
		{model.Hop{State: model.HopHeld}, false}, {model.Hop{State: model.HopApproved}, false},
	} {
		if got := waits(tc.hop); got != tc.want {
			t.Errorf("%+v waits: %v", tc.hop, got)
		}
	}
}

// A page that cannot show everything says so, and does not where it can.
func TestLists_sayThatThereIsMore(t *testing.T) {
	v, err := parseViews()
	if err != nil {
		t.Fatal(err)
	}
	box := boxRow{Device: model.Device{ID: "b", Name: "ann", BoardModel: "Simulated board", Capabilities: protocol.Capabilities{Simulated: true}}}
	for _, tc := range []struct {
		view, words string
		data        func(more bool) any
	}{
		{"start", "There are more boxes than these", func(more bool) any { return startView{Boxes: []boxRow{box}, More: more} }},
		{"boxes", "More boxes", func(more bool) any {
			return boxesView{Boxes: []boxRow{box}, More: map[bool]string{true: "?after=ann"}[more]}
		}},
		{"boxes", "Older codes are not shown", func(more bool) any { return boxesView{OldCodes: []codeRow{{}}, MoreCodes: more} }},
		{"whisper", "does not fit on this page", func(more bool) any {
			out := whisperView{}
			out.EventsCut = more
			return out
		}},
	} {
		for _, more := range []bool{true, false} {
			var out bytes.Buffer
			if err := v[tc.view].ExecuteTemplate(&out, "layout.html", page{Data: tc.data(more)}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), tc.words) != more {
				t.Errorf("%s with more (%v) says %q: %v", tc.view, more, tc.words, !more)
			}
			if strings.Contains(out.String(), ", simulated") {
				t.Error("a box whose board is called simulated is called so twice")
			}
		}
	}
}
