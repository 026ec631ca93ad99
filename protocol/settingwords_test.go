package protocol

import "testing"

func TestSettingWords(t *testing.T) {
	t.Parallel()
	want := Settings{Volume: 3, QuietFrom: "21:00", QuietUntil: "08:00", TimeZone: "Europe/London", Language: "en", PhotoAllowed: true, Announce: true}
	is := want
	is.Buttons = 2 // all that it has
	for _, s := range SettingWords(want, is) {
		if !s.Same || s.Key == "" || s.Name == "" || s.Is == "" {
			t.Errorf("%+v", s)
		}
	}
	is = Settings{Volume: 4, Language: "de", Buttons: 1, QuietFrom: "08:00", QuietUntil: "08:00"}
	want.Buttons = 2
	got := SettingWords(want, is)
	for i, words := range []string{"4 of 4", "never", "as the box is set", "de", "not allowed", "only shines", "1"} {
		if got[i].Same || got[i].Is != words {
			t.Errorf("%+v, want it to be %q", got[i], words)
		}
	}
}

// Both halves say the same code, today and in later versions.
func TestSpokenCode(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{"01930d5e-7c1a-7000-8000-00000000d001": "6614", "01930d5e-7c1a-7000-8000-00000000d002": "8031"} {
		if got := SpokenCode(id); got != want {
			t.Errorf("%s is %q", id, got)
		}
	}
}
