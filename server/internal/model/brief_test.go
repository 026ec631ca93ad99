package model

import (
	"testing"

	"illumi/protocol"
)

func TestBrief(t *testing.T) {
	bad := protocol.Status{State: "E_MIC", Waiting: 2, Unsent: 1, DiskFree: 1, ClockSync: true}
	b := BriefOf(bad)
	if b.Waiting != 2 || b.Unsent != 1 || b.Needs == "" {
		t.Errorf("%+v", b)
	}
	for _, want := range []Brief{b, {}, {Waiting: 3}} {
		if got, ok := ParseBrief(want.String()); !ok || got != want {
			t.Errorf("%q is read as %+v, %v", want, got, ok)
		}
	}
	for _, text := range []string{"", "1", "1 2", "a 2 ", "1 b "} {
		if _, ok := ParseBrief(text); ok {
			t.Errorf("%q is read", text)
		}
	}
	if got := (Device{Status: bad}).InBrief(); got != b {
		t.Errorf("of its status: %+v", got)
	}
	if got := (Device{Brief: &b}).InBrief(); got != b {
		t.Errorf("of what was kept: %+v", got)
	}
}
