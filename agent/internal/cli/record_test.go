package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// shine is a panel of which only the lights count.
type shine struct{ panel.Panel }

func (shine) Show(flow.Lamps, float64) {}

func TestReader_KeepsWhatWasReadAndSaysIt(t *testing.T) {
	state := t.TempDir()
	voice := filepath.Join(state, "voice.wav")
	if err := os.WriteFile(voice, media.EncodeWAV(media.Babble("anna", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	pace, red := media.Pace{Speed: 50}, false
	clips := filepath.Join(state, "clips")
	r := reader{
		mic:     &media.FileMicrophone{Path: voice, Pace: pace, Live: media.NewLive(pace, func(on bool) { red = on })},
		speaker: &media.NullSpeaker{Pace: pace}, clips: clips,
		pack: func(l string) media.Pack { return media.BoxPack(clips, t.TempDir(), l) },
	}
	inputs := make(chan panel.Input, 4)
	h := daemon.Hands{Panel: shine{}, Inputs: inputs, Language: "de"}
	var told []string
	shown := func(i protocol.CheckItem) { told = append(told, i.Text) }
	inputs <- panel.Input{Button: 1} // let go of what was pressed before
	inputs <- panel.Input{Button: 1, Down: true, At: time.Now()}
	if err := r.read(t.Context(), h, "new", shown); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || !strings.Contains(told[0], flow.Prompts["new"]) || !strings.HasPrefix(told[1], "Kept") || red {
		t.Errorf("told %q, red light %v", told, red)
	}
	if missing := r.pack("en").Check([]string{"new"}); len(missing) != 0 {
		t.Error("what was read is not what is said")
	}
	left, err := filepath.Glob(filepath.Join(state, ".trial-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := r.read(t.Context(), h, "fanfare", shown); err == nil {
		t.Error("a sentence that does not exist was read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.read(ctx, h, "sent", shown); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody pressed: %v", err)
	}
	close(inputs)
	if err := r.read(t.Context(), h, "sent", shown); err == nil {
		t.Error("a panel that is gone was waited for")
	}
}
