package protocol

import (
	"strings"
	"testing"
	"time"
)

func lineOf(t *testing.T, s Status, key string) Line {
	t.Helper()
	for _, l := range s.Lines() {
		if l.Key == key {
			return l
		}
	}
	return Line{}
}

func TestStatus_Lines(t *testing.T) {
	num := func(f float64) *float64 { return &f }
	dbm := func(n int) *int { return &n }
	well := func() Health {
		return Health{Undervoltage: No, Throttled: No, DiskTotal: 30e9, Temperature: num(48.3), WiFi: dbm(-56), Memory: 210e6, Microphone: "USB Audio", Speaker: "USB Audio"}
	}
	for name, tc := range map[string]struct {
		change func(*Status, *Health)
		key    string
		words  string
		level  Level
	}{
		"at rest":              {nil, "state", "no whisper waits", Plain},
		"a later state":        {func(s *Status, _ *Health) { s.State = "TEA_TIME" }, "state", "tea time", Plain},
		"no microphone works":  {func(s *Status, _ *Health) { s.State = "E_MIC" }, "state", "the microphone does not work", Bad},
		"a practice":           {func(s *Status, _ *Health) { s.State, s.Practice = "NEW", true }, "state", "a whisper waits to be heard, for practice", Plain},
		"one whisper":          {func(s *Status, _ *Health) { s.Waiting = 1 }, "waiting", "1 whisper", Plain},
		"room":                 {nil, "room", "12.0 of 30.0 GB", Fine},
		"little room":          {func(s *Status, _ *Health) { s.DiskFree = 4e9 }, "room", "4.0 of 30.0 GB", Look},
		"no room":              {func(s *Status, _ *Health) { s.DiskFree = 100e6 }, "room", "0.1 of 30.0 GB", Bad},
		"no clock":             {func(s *Status, _ *Health) { s.ClockSync = false }, "clock", "not set by the network", Look},
		"power":                {nil, "power", "enough", Fine},
		"too little power":     {func(_ *Status, h *Health) { h.Undervoltage = Yes }, "power", "too little: use the adapter that belongs to the box", Bad},
		"a board without word": {func(_ *Status, h *Health) { h.Undervoltage = Unknown }, "power", "unknown, this board cannot tell", Plain},
		"cool":                 {nil, "temperature", "48 °C", Fine},
		"warm":                 {func(_ *Status, h *Health) { h.Temperature = num(70) }, "temperature", "70 °C", Look},
		"hot":                  {func(_ *Status, h *Health) { h.Temperature = num(80) }, "temperature", "80 °C", Bad},
		"good Wi-Fi":           {nil, "wifi", "-56 dBm, good", Fine},
		"enough Wi-Fi":         {func(_ *Status, h *Health) { h.WiFi = dbm(-69) }, "wifi", "-69 dBm, enough", Fine},
		"weak Wi-Fi":           {func(_ *Status, h *Health) { h.WiFi = dbm(-70) }, "wifi", "-70 dBm, weak: move the box or the router", Look},
		"a cable":              {func(_ *Status, h *Health) { h.WiFi = nil }, "wifi", "not used, or not known", Plain},
		"a good card":          {func(_ *Status, h *Health) { h.CardWorn = No }, "card", "no sign of wear", Fine},
		"a card without word":  {nil, "card", "no errors so far", Fine},
		"a worn card":          {func(_ *Status, h *Health) { h.CardWorn = Yes }, "card", "worn: replace it", Bad},
		"a card with an error": {func(_ *Status, h *Health) { h.CardErrors = 1 }, "card", "1 error: replace it", Bad},
		"ears":                 {func(_ *Status, h *Health) { h.MicLevel = num(-18.4) }, "microphone", "USB Audio, the last answer was -18 dBFS at its loudest", Fine},
		"no ears":              {func(_ *Status, h *Health) { h.Microphone = "" }, "microphone", "none", Bad},
		"no camera":            {nil, "camera", "none", Plain},
		"a good switch":        {func(_ *Status, h *Health) { h.Bounces = 3 }, "bounces", "3 contacts in one press", Fine},
		"a worn switch":        {func(_ *Status, h *Health) { h.Bounces = 21 }, "bounces", "21 contacts in one press: a switch is worn", Look},
		"uptime":               {nil, "uptime", "1 day 1 hour", Plain},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := Status{State: "IDLE", DiskFree: 12e9, Uptime: 90_000, ClockSync: true}, well()
			if tc.change != nil {
				tc.change(&s, &h)
			}
			s.Health = &h
			if l := lineOf(t, s, tc.key); l.Words != tc.words || l.Level != tc.level || l.Name == "" {
				t.Errorf("%+v, want %q %s", l, tc.words, tc.level)
			}
		})
	}
	old := Status{State: "IDLE", DiskFree: 12e9, ClockSync: true}
	if l := lineOf(t, old, "power"); l.Key != "" {
		t.Errorf("an older box tells %+v", l)
	}
	if l := lineOf(t, old, "room"); l.Words != "12.0 GB" {
		t.Errorf("an older box's room is %q", l.Words)
	}
}

func TestReportCode_Words(t *testing.T) {
	for code := range reportWords {
		so, next := code.Words()
		for _, s := range []string{so, next} {
			if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") || len(strings.Fields(s)) > 20 {
				t.Errorf("%s says %q", code, s)
			}
		}
		if !ValidReportCode(code) {
			t.Errorf("%s is no code", code)
		}
	}
	if so, next := ReportCode("E_SMOKE").Words(); so != "The box reports E_SMOKE." || next == "" {
		t.Errorf("a later code says %q %q", so, next)
	}
	if !ReportMic.Fails() || ReportMedia.Fails() || ReportWiped.Fails() {
		t.Error("the wrong reports are worth a mail")
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "no time yet", 999 * time.Millisecond: "no time yet", time.Second: "1 second", 90 * time.Second: "1 minute",
		2 * time.Hour: "2 hours", 61 * time.Minute: "1 hour 1 minute", 49*time.Hour + time.Minute: "2 days 1 hour",
	} {
		if got := Spell(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
