package model

import (
	"encoding/json"
	"testing"
	"time"
)

// Rows of the first versions hold nanoseconds under the name of microseconds.
func TestDeadlines_JSON(t *testing.T) {
	want := Deadlines{Remind: 24 * time.Hour, Ask: 48*time.Hour + time.Microsecond, Skip: 0, Mode: SkipAuto}
	for name, text := range map[string]string{
		"old": `{"remind_us":86400000000000,"ask_us":172800000001000,"skip_us":0,"mode":"auto"}`,
		"new": `{"remind_micros":86400000000,"ask_micros":172800000001,"skip_micros":0,"mode":"auto"}`,
	} {
		var got Deadlines
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		// It stands within the settings that are stored.
		again, err := json.Marshal(ProjectSettings{Deadlines: got})
		if err != nil {
			t.Fatal(err)
		}
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(again, &whole); err != nil || string(whole["deadlines"]) != `{"remind_micros":86400000000,"ask_micros":172800000001,"skip_micros":0,"mode":"auto"}` {
			t.Errorf("%s: written as %s, %v", name, whole["deadlines"], err)
		}
	}
	var d Deadlines
	if err := json.Unmarshal([]byte(`{"remind_micros":"soon"}`), &d); err == nil {
		t.Error("words were read as a time")
	}
}
