package media

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const usbContents = `Simple mixer control 'Speaker',0
  Capabilities: pvolume pswitch pswitch-joined
  Playback channels: Front Left - Front Right
  Limits: Playback 0 - 37
  Front Left: Playback 20 [54%] [-17.00dB] [off]
Simple mixer control 'Mic',0
  Capabilities: pvolume pvolume-joined cvolume cvolume-joined pswitch pswitch-joined cswitch cswitch-joined
  Limits: Playback 0 - 31 Capture 0 - 35
Simple mixer control 'Auto Gain Control',0
  Capabilities: pswitch pswitch-joined
Simple mixer control 'Mic Auto Gain',0
  Capabilities: cswitch cswitch-joined
`

// fakeMixer notes how it was called.
func fakeMixer(t *testing.T, contents string, more ...string) (m Mixer, calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	put(t, dir+"/contents", contents)
	env := append([]string{"ILLUMI_CONTENTS=" + dir + "/contents", "ILLUMI_CALLS=" + dir + "/calls"}, more...)
	m = Mixer{Amixer: fake("amixer", env...), Alsactl: fake("amixer", append(env, "ILLUMI_NAME=alsactl")...)}
	return m, func() []string {
		b, err := os.ReadFile(dir + "/calls")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

func TestMixer_OpensWhatIsNeededAndNoFeedback(t *testing.T) {
	card := Card{ID: "Device"}
	m, calls := fakeMixer(t, usbContents)
	done, kept, err := m.Set(t.Context(), card, card)
	if err != nil || !kept {
		t.Fatalf("%v, kept %v", err, kept)
	}
	want := []string{
		"-c Device scontents",
		"-q -M -c Device sset 'Speaker',0 playback 90%",
		"-q -M -c Device sset 'Speaker',0 playback unmute",
		"-q -M -c Device sset 'Mic',0 playback mute",
		"-q -M -c Device sset 'Mic',0 capture 75%",
		"-q -M -c Device sset 'Mic',0 capture cap",
		"alsactl store",
	}
	if got := calls(); !slices.Equal(got, want) || len(done) != 5 {
		t.Errorf("called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMixer_OtherCards(t *testing.T) {
	m, calls := fakeMixer(t, "")
	if done, _, err := m.Set(t.Context(), Card{ID: "Mic"}, Card{ID: "Speaker"}); err != nil || len(done) != 0 {
		t.Errorf("cards without regulators: %v, %v", done, err)
	}
	if got := calls(); !slices.Equal(got, []string{"-c Speaker scontents", "-c Mic scontents", "alsactl store"}) {
		t.Errorf("%q", got)
	}
	m, _ = fakeMixer(t, usbContents, "ILLUMI_FAILS=sset")
	if _, _, err := m.Set(t.Context(), Card{}, Card{ID: "Device"}); err == nil || !strings.Contains(err.Error(), "Invalid command") {
		t.Errorf("a regulator that refuses: %v", err)
	}
	m, _ = fakeMixer(t, usbContents, "ILLUMI_FAILS=store")
	if _, kept, err := m.Set(t.Context(), Card{ID: "Device"}, Card{ID: "Device"}); err != nil || kept {
		t.Errorf("not root: %v, kept %v", err, kept)
	}
	m.Amixer = Program{Path: "illumi-has-no-such-program"}
	if _, _, err := m.Set(t.Context(), Card{}, Card{ID: "Device"}); err == nil || !strings.Contains(err.Error(), "install alsa-utils") {
		t.Errorf("without alsa-utils: %v", err)
	}
}
