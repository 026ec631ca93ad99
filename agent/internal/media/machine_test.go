package media

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of this file want a machine with the loop-back cards Mic and
// Speaker (two devices each, what is played on one is recorded from the other),
// real arecord and aplay, and nobody else at them: ILLUMI_TEST_ALSA=1.
func realCards(t *testing.T) {
	t.Helper()
	if os.Getenv("ILLUMI_TEST_ALSA") == "" {
		t.Skip("to try real sound cards, set ILLUMI_TEST_ALSA=1 on a machine with the loop-back cards Mic and Speaker")
	}
}

// earshot is a box's microphone, and a mouth before it.
func earshot(t *testing.T) (mic *ALSAMicrophone, mouth *ALSASpeaker, red *lamp) {
	red = &lamp{}
	return &ALSAMicrophone{Root: "/", Card: "Mic", Live: NewLive(Pace{}, red.set)}, &ALSASpeaker{Device: "plughw:CARD=Mic,DEV=1"}, red
}

func TestMachine_HearsAndMeasuresAVoice(t *testing.T) {
	realCards(t)
	mic, mouth, red := earshot(t)
	ready, err := Tone("ready")
	if err != nil {
		t.Fatal(err)
	}
	to := tempFile(t, "take.wav")
	r, err := mic.Open(t.Context(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := mouth.Play(t.Context(), "tone", ready.Sound(), 0); err != nil {
		t.Fatal(err)
	}
	r.ToneEnded()
	voice := said(-8)
	if err := mouth.Play(t.Context(), "voice", voice.Sound(), 0); err != nil {
		t.Fatal(err)
	}
	take, err := r.Stop()
	if err != nil || red.lit() {
		t.Fatalf("%v, light %v", err, red.lit())
	}
	if take.Speech() != SpeechHeard || take.Lost || take.ToneEnd < 400*ms || take.ToneEnd > 3*time.Second ||
		math.Abs(take.Peak-measured(voice).peak) > 1.5 {
		t.Errorf("%+v, %s, peak of what was said %.1f", take, take.Speech(), measured(voice).peak)
	}
	s, err := OpenWAV(to.Name())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = AfterTone(s); err != nil {
		t.Fatal(err)
	}
	if skipped := take.Duration - s.Duration(); skipped < 300*ms || skipped > take.ToneEnd+200*ms {
		t.Errorf("the tone ended at %v, listening begins at %v", take.ToneEnd, skipped)
	}
	packed := tempFile(t, "take.flac")
	if info, err := EncodeFLAC(t.Context(), to.Name(), packed); err != nil || info.FLAC >= info.WAV {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestMachine_SpeakerIsHeardAtItsLoudness(t *testing.T) {
	realCards(t)
	box := &ALSASpeaker{Root: "/", Card: "Speaker"}
	ear := &ALSAMicrophone{Device: "plughw:CARD=Speaker,DEV=1", Live: NewLive(Pace{}, func(bool) {})}
	r, err := ear.Open(t.Context(), tempFile(t, "heard.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	name := write(t, "message.wav", EncodeWAV(said(-20)))
	p := Player{Speaker: box}
	if err := p.File(t.Context(), "message", name, -4); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if l := levelOf(t, readAll(t, r.to.Name())); math.Abs(l+24) > 1.5 {
		t.Errorf("heard at %.1f dBFS, want -24", l)
	}
}

func TestMachine_SilenceIsADeadMicrophone(t *testing.T) {
	realCards(t)
	mic, _, _ := earshot(t)
	dead := make(chan struct{})
	var once sync.Once
	r, err := mic.Open(t.Context(), tempFile(t, "take.wav"), func(l Level) {
		if l.Dead {
			once.Do(func() { close(dead) })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-dead:
	case <-time.After(20 * time.Second):
		t.Error("all samples were zero, and nobody noticed")
	}
	if take, err := r.Stop(); err != nil || !take.Dead || take.Speech() == SpeechHeard {
		t.Errorf("%+v, %v", take, err)
	}
}

func TestMachine_BusyCardNamesItsUser(t *testing.T) {
	realCards(t)
	mic, _, _ := earshot(t)
	r, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mic.Open(t.Context(), tempFile(t, "other.wav"), nil)
	if err == nil || !strings.Contains(err.Error(), "The program arecord (process ") {
		t.Errorf("%v", err)
	}
	if _, err := r.Stop(); err != nil {
		t.Error(err)
	}
	if r, err = mic.Open(t.Context(), tempFile(t, "again.wav"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stop(); err != nil {
		t.Error(err)
	}
}

// TestMachine_PulledOutAndPutBack needs root: it takes the card from its driver.
func TestMachine_PulledOutAndPutBack(t *testing.T) {
	realCards(t)
	const driver = "/sys/bus/platform/drivers/snd_aloop/"
	bind := func(what string) {
		t.Helper()
		if err := os.WriteFile(driver+what, []byte("snd_aloop.0"), 0o200); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	seen, done := make(chan bool, 16), make(chan error, 1)
	go func() {
		done <- WatchCards(ctx, "/", func(cards []Card) {
			c, _, err := PickMicrophone(cards, "Mic")
			seen <- err == nil && c.ID == "Mic"
		})
	}()
	next := func(want bool) {
		t.Helper()
		for {
			select {
			case there := <-seen:
				if there == want {
					return
				}
			case <-ctx.Done():
				t.Fatalf("nobody noticed; wanted the card there: %v", want)
			}
		}
	}
	next(true)
	mic, mouth, red := earshot(t)
	to := tempFile(t, "take.wav")
	r, err := mic.Open(ctx, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := mouth.Play(ctx, "voice", said(-8).Sound(), 0); err != nil {
		t.Fatal(err)
	}
	bind("unbind")
	bound := false
	defer func() {
		if !bound {
			bind("bind")
		}
	}()
	select {
	case <-r.Done():
	case <-ctx.Done():
		t.Fatal("the loss was not noticed")
	}
	take, err := r.Stop()
	if err != nil || !take.Lost || take.Duration < time.Second || red.lit() {
		t.Errorf("%+v, %v, light %v", take, err, red.lit())
	}
	if got := readAll(t, to.Name()); got.Duration() != take.Duration {
		t.Errorf("%v in the file, %v recorded", got.Duration(), take.Duration)
	}
	next(false)
	bound = true
	bind("bind")
	next(true)
	if r, err = mic.Open(ctx, tempFile(t, "again.wav"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stop(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
