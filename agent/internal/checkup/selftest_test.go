package checkup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/selftest"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// sentences is a language pack whose sentences are short: making them murmur
// took most of the time of these tests.
var sentences string

func TestMain(m *testing.M) {
	var err error
	if sentences, err = os.MkdirTemp("", "sentences-"); err != nil {
		panic(err)
	}
	voice := media.Babble("bessie", 1)
	voice.Samples = voice.Samples[:media.Rate/2]
	for key := range flow.Prompts {
		if err := os.WriteFile(filepath.Join(sentences, string(key)+".wav"), media.EncodeWAV(voice), 0o600); err != nil {
			panic(err)
		}
	}
	m.Run()
	if err := os.RemoveAll(sentences); err != nil {
		panic(err)
	}
}

// hall is the hallway with a box and somebody who presses where they are asked.
type hall struct {
	box    *Box
	person Person
	inputs chan panel.Input
	// presses says whether a question is answered, at its nth hearing.
	presses func(question string, nth int) bool

	mu    sync.Mutex
	heard []string
	times map[string]int
	red   bool
	kept  int
	shown []protocol.CheckItem
}

func newHall(t *testing.T) *hall {
	h := &hall{inputs: make(chan panel.Input, 8), times: map[string]int{}, presses: func(string, int) bool { return true }}
	pace := media.Pace{Speed: 1}
	live := media.NewLive(pace, func(on bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.red = on
	})
	signal := -55
	h.box = &Box{
		Microphone: &media.GeneratedMicrophone{Name: "anna", Pace: pace, Live: live},
		Speaker:    &media.NullSpeaker{Pace: pace},
		Camera:     &media.DrawnCamera{Name: "anna", Live: live},
		Health:     func() protocol.Health { return protocol.Health{WiFi: &signal} },
		Free:       func() (int64, error) { return 5e9, nil },
		Server:     reachable{},
		Explain:    func(error) (string, string) { return "The server does not answer.", "Check the network." },
		Dir:        t.TempDir(), Now: time.Now, Allowed: true,
	}
	h.person = Person{
		Show: func(flow.Lamps, float64) {}, Inputs: h.inputs,
		Player: media.Player{Speaker: h, Pack: media.Pack{Dirs: []string{sentences}}},
		Gain:   func(step int) float64 { return float64(3*step - 9) },
		KeepVolume: func(step int) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.kept = step
		},
	}
	return h
}

// Play lets the person hear it; a question is answered a second later.
func (h *hall) Play(ctx context.Context, title string, s media.Sound, gain float64) error {
	err := h.box.Speaker.Play(ctx, title, s, gain)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, title)
	h.times[title]++
	if strings.Contains(title, "Press") && h.presses(title, h.times[title]) {
		time.AfterFunc(time.Second, func() {
			for _, down := range []bool{true, false} {
				h.inputs <- panel.Input{Button: 1, Down: down}
			}
		})
	}
	return err
}

func (h *hall) test(ctx context.Context) []protocol.CheckItem {
	plan := selftest.Plan{Box: "7", Photo: true, Camera: true, Volume: 2}
	return h.box.SelfTest(ctx, h.person, plan, func(i protocol.CheckItem) { h.shown = append(h.shown, i) })
}

// after looks at what is left: no device open, nothing kept.
func (h *hall) after(t *testing.T) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.red {
		t.Error("the red light is still on")
	}
	if left, err := filepath.Glob(h.box.Dir + "/*"); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// reachable is a server that answers well.
type reachable struct{}

func (reachable) Measure(context.Context) (transfer.Speed, error) {
	return transfer.Speed{RoundTrip: 40 * time.Millisecond, Down: 2e6, Up: 1e6, Server: time.Now()}, nil
}

// away is one that does not.
type away struct{}

func (away) Measure(context.Context) (transfer.Speed, error) {
	return transfer.Speed{}, errors.New("no route")
}

func verdicts(items []protocol.CheckItem) map[string]protocol.Verdict {
	m := map[string]protocol.Verdict{}
	for _, i := range items {
		m[i.Part] = i.Verdict
	}
	return m
}

func TestSelfTest_AllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.presses = func(q string, nth int) bool { return !strings.Contains(q, "loud enough") || nth == 3 }
		items := h.test(t.Context())
		asked := slices.DeleteFunc(slices.Clone(h.shown), func(i protocol.CheckItem) bool { return i.Verdict != "" })
		if len(items) != 9 || len(h.shown)-len(asked) != len(items) {
			t.Errorf("%d parts, shown %+v", len(items), h.shown)
		}
		// Each question can be read as well, once: it was said three times until it was loud enough.
		if len(asked) != 7 || h.shown[0].Text != "“Test one. Is my light on? Press if yes.”" || strings.Count(fmt.Sprint(asked), "loud enough") != 1 {
			t.Errorf("asked %+v", asked)
		}
		for _, i := range items {
			if i.Verdict != protocol.VerdictOK || i.Check() != nil {
				t.Errorf("%+v", i)
			}
		}
		if h.kept != 3 {
			t.Errorf("loud enough at step 3, kept %d", h.kept)
		}
		for _, said := range []string{flow.Prompts[flow.SayTestHello], "what was just said", flow.Prompts[flow.SayTestAllOK]} {
			if !slices.ContainsFunc(h.heard, func(s string) bool { return strings.Contains(s, said) }) {
				t.Errorf("%q was not heard; heard %q", said, h.heard)
			}
		}
		h.after(t)
	})
}

// A test without anybody comes to its end, and says of each part that needs a
// person that nobody was there.
func TestSelfTest_NobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.presses = func(string, int) bool { return false }
		h.box.Server = away{}
		h.box.Camera = covered{}
		h.box.Health = func() protocol.Health { return protocol.Health{} }
		began := time.Now()
		got := verdicts(h.test(t.Context()))
		for _, part := range []string{selftest.PartLight, selftest.PartSound, selftest.PartMicrophone, selftest.PartRedLight, selftest.PartCamera, selftest.PartNetwork, selftest.PartServer} {
			if got[part] != protocol.VerdictFailed {
				t.Errorf("%s: %s", part, got[part])
			}
		}
		if h.kept != 0 {
			t.Errorf("nobody said that it was loud enough, and %d was kept", h.kept)
		}
		if took := time.Since(began); took > 15*time.Minute {
			t.Errorf("it took %v", took)
		}
		h.after(t)
	})
}

// covered is a camera whose lens is shut.
type covered struct{}

func (covered) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (media.Photo, error) {
	select {
	case <-shoot:
		return media.Photo{Width: 10, Height: 10, Dark: true}, nil
	case <-ctx.Done():
		return media.Photo{}, ctx.Err()
	}
}

// A microphone that hears nobody has failed, with what to do.
func TestSelfTest_ASilentRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		silence := filepath.Join(t.TempDir(), "silence.wav")
		if err := os.WriteFile(silence, media.EncodeWAV(media.Clip{Rate: media.Rate, Samples: make([]int16, media.Rate)}), 0o600); err != nil {
			t.Fatal(err)
		}
		h.box.Microphone = &media.FileMicrophone{Path: silence, Pace: media.Pace{Speed: 1}, Live: media.NewLive(media.Pace{}, func(bool) {})}
		items := h.test(t.Context())
		if i := slices.IndexFunc(items, func(i protocol.CheckItem) bool { return i.Part == selftest.PartMicrophone }); i < 0 || items[i].Verdict != protocol.VerdictFailed || items[i].Next == "" {
			t.Errorf("%+v", items)
		}
		h.after(t)
	})
}

// A microphone that cannot be opened says why in its own words.
func TestSelfTest_NoMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		h.box.Microphone = unplugged{}
		for _, i := range h.test(t.Context()) {
			if i.Part == selftest.PartMicrophone && (i.Verdict != protocol.VerdictFailed || i.Text != "The microphone was unplugged." || i.Next != "Plug it in again.") {
				t.Errorf("%+v", i)
			}
		}
		h.after(t)
	})
}

type unplugged struct{}

func (unplugged) Open(context.Context, *os.File, media.Listener) (*media.Recording, error) {
	return nil, &media.Fault{Code: media.CodeMicrophone, Text: "The microphone was unplugged.", Next: "Plug it in again."}
}

// Whoever ends the test leaves nothing open, and no part is said to have failed
// that was not tried. It is ended at every seventh second.
func TestSelfTest_EndedAtAnyMoment(t *testing.T) {
	for at := time.Second; at < 70*time.Second; at += 7 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t)
			ctx, cancel := context.WithTimeout(t.Context(), at)
			defer cancel()
			items := h.test(ctx)
			got := verdicts(items)
			for _, part := range []string{selftest.PartLight, selftest.PartMicrophone, selftest.PartServer, selftest.PartDisk} {
				if v := got[part]; v != protocol.VerdictOK && v != protocol.VerdictSkipped {
					t.Errorf("at %v: %s is %q", at, part, v)
				}
			}
			h.after(t)
		})
	}
}
