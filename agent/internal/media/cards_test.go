package media

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
)

// fakeCard is a card as /proc and /sys would show it.
type fakeCard struct {
	id, driver, name string
	pcm              []string
	usb              string
}

var (
	hdmi       = fakeCard{id: "vc4hdmi", driver: "vc4-hdmi", name: "vc4-hdmi", pcm: []string{"pcm0p"}}
	headphones = fakeCard{id: "Headphones", driver: "bcm2835_headpho", name: "bcm2835 Headphones", pcm: []string{"pcm0p"}}
	usbMic     = fakeCard{id: "Device", driver: "USB-Audio", name: "USB PnP Sound Device", pcm: []string{"pcm0c", "pcm0p"}, usb: "1-1.2"}
	twinMic    = fakeCard{id: "Device_1", driver: "USB-Audio", name: "USB PnP Sound Device", pcm: []string{"pcm0c"}, usb: "1-1.4"}
	hat        = fakeCard{id: "sndrpihifiberry", driver: "RPi-simple", name: "snd_rpi_hifiberry_dac", pcm: []string{"pcm0p"}}
)

// machine makes a root directory that has these cards, numbered in this order.
func machine(t *testing.T, cards ...fakeCard) string {
	t.Helper()
	root := t.TempDir()
	plug(t, root, cards...)
	return root
}

func plug(t *testing.T, root string, cards ...fakeCard) {
	t.Helper()
	for _, dir := range []string{"proc/asound", "sys/class/sound"} {
		if err := errors.Join(os.RemoveAll(filepath.Join(root, dir)), os.MkdirAll(filepath.Join(root, dir), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	var list strings.Builder
	for i, c := range cards {
		fmt.Fprintf(&list, "%2d [%-15s]: %s - %s\n                      %s at somewhere\n", i, c.id, c.driver, c.name, c.name)
		dir := filepath.Join(root, "proc/asound", fmt.Sprint("card", i))
		for _, p := range append(c.pcm, "midi0") {
			put(t, filepath.Join(dir, p, "sub0/status"), "closed\n")
		}
		if c.usb != "" {
			sys := filepath.Join(root, "sys/class/sound", fmt.Sprint("card", i))
			if err := errors.Join(os.MkdirAll(sys, 0o755), os.Symlink("../../../"+c.usb+":1.0", sys+"/device")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(cards) == 0 {
		list.WriteString("--- no soundcards ---\n")
	}
	put(t, filepath.Join(root, "proc/asound/cards"), list.String())
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestCards_WhatTheKernelLists(t *testing.T) {
	cards, err := Cards(machine(t, hdmi, usbMic, twinMic))
	if err != nil || len(cards) != 3 {
		t.Fatalf("%+v, %v", cards, err)
	}
	c := cards[1]
	if c.ID != "Device" || c.Name != "USB PnP Sound Device" || c.Long != "USB PnP Sound Device at somewhere" || c.USB != "1-1.2" ||
		!slices.Equal(c.Capture, []int{0}) || !slices.Equal(c.Playback, []int{0}) || c.CaptureDevice() != "plughw:CARD=Device,DEV=0" {
		t.Errorf("%+v", c)
	}
	if cards[0].USB != "" || len(cards[0].Capture) != 0 || cards[0].Key() != "vc4hdmi" || c.Key() != "usb:1-1.2" {
		t.Errorf("%+v, key %s", cards[0], c.Key())
	}
	for name, root := range map[string]string{"no cards": machine(t), "no sound in the kernel": t.TempDir()} {
		if cards, err := Cards(root); err != nil || len(cards) != 0 {
			t.Errorf("%s: %+v, %v", name, cards, err)
		}
	}
}

func TestPick_NamedElseOnlyElseLikeliest(t *testing.T) {
	cases := []struct {
		name     string
		cards    []fakeCard
		want     string
		mic, out string // ids; "" is a fault
		warn     string // in the microphone's warning
	}{
		{"none", nil, "", "", "", ""},
		{"only outputs", []fakeCard{hdmi, headphones}, "", "", "Headphones", ""},
		{"one of each", []fakeCard{hdmi, headphones, usbMic}, "", "Device", "Device", ""},
		{"a HAT before the socket", []fakeCard{hdmi, headphones, hat}, "", "", "sndrpihifiberry", ""},
		{"by id", []fakeCard{hdmi, usbMic}, "Device", "Device", "Device", ""},
		{"by name", []fakeCard{hdmi, usbMic}, "usb pnp sound device", "Device", "Device", ""},
		{"gone", []fakeCard{hdmi, usbMic}, "Seeed", "Device", "Device", `microphone "Seeed" is not there`},
		{"twins by id", []fakeCard{usbMic, twinMic}, "Device", "Device", "Device", "write microphone: usb:1-1.2"},
		{"twins by socket", []fakeCard{usbMic, twinMic}, "usb:1-1.4", "Device_1", "Device", ""},
		{"named apart by somebody", []fakeCard{{id: "Mic", name: "Loopback", pcm: []string{"pcm0c"}}, {id: "Speaker", name: "Loopback", pcm: []string{"pcm0c", "pcm0p"}}}, "Mic", "Mic", "Speaker", ""},
		{"twins, unnamed", []fakeCard{usbMic, twinMic}, "", "Device", "Device", "more than one microphone"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cards, err := Cards(machine(t, c.cards...))
			if err != nil {
				t.Fatal(err)
			}
			mic, warn, err := PickMicrophone(cards, c.want)
			wantFault(t, err, c.mic == "", CodeMicrophone)
			if mic.ID != c.mic || !strings.Contains(warn, c.warn) || (c.warn == "") != (warn == "") {
				t.Errorf("microphone %q, warning %q", mic.ID, warn)
			}
			out, _, err := PickSpeaker(cards, "")
			wantFault(t, err, c.out == "", CodeSpeaker)
			if out.ID != c.out {
				t.Errorf("loudspeaker %q, want %q", out.ID, c.out)
			}
		})
	}
}

func wantFault(t *testing.T, err error, want bool, code string) {
	t.Helper()
	f, ok := errors.AsType[*Fault](err)
	if ok != want || ok && f.Code != code {
		t.Errorf("error %v, want a fault with %s: %v", err, code, want)
	}
}

func TestALSAMicrophone_FoundAgainByName(t *testing.T) {
	root := machine(t, usbMic, hdmi)
	mic := &ALSAMicrophone{Root: root, Card: "Device", Live: NewLive(Pace{1000}, func(bool) {}), Program: fake("named", "ILLUMI_CARD=plughw:CARD=Device,DEV=0")}
	open := func() error {
		r, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil)
		if err == nil {
			_, err = r.Stop()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	plug(t, root, hdmi, headphones)
	if err := open(); err == nil || !strings.Contains(err.Error(), "finds no microphone") {
		t.Errorf("unplugged: %v", err)
	}
	plug(t, root, hdmi, headphones, usbMic) // it has another number now
	if err := open(); err != nil {
		t.Errorf("plugged in again: %v", err)
	}
}

func TestALSA_BusyIsAskedThreeTimesThenNamed(t *testing.T) {
	live := NewLive(Pace{1000}, func(bool) {})
	calls := "ILLUMI_CALLS=" + t.TempDir() + "/"
	for _, kind := range []string{"busy twice", "hangs once"} {
		mic := &ALSAMicrophone{Live: live, Program: fake(kind, calls+kind), hung: 300 * ms, gap: ms}
		r, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if _, err := r.Stop(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	root := machine(t, usbMic)
	put(t, root+"/proc/asound/card0/pcm0c/sub0/status", "state: RUNNING\nowner_pid   : 321\ntrigger_time: 1.2\n")
	put(t, root+"/proc/321/comm", "pipewire\n")
	put(t, root+"/proc/77/comm", "mpv\n")
	if err := errors.Join(os.MkdirAll(root+"/proc/77/fd", 0o755), os.Symlink("/dev/snd/pcmC0D0p", root+"/proc/77/fd/9")); err != nil {
		t.Fatal(err)
	}
	_, err := (&ALSAMicrophone{Root: root, Live: live, Program: fake("busy"), gap: ms}).Open(t.Context(), tempFile(t, "take.wav"), nil)
	if err == nil || !strings.Contains(err.Error(), "The program pipewire (process 321) is using the microphone.") {
		t.Errorf("%v", err)
	}
	err = (&ALSASpeaker{Root: root, Program: fake("busy"), gap: ms}).Play(t.Context(), "x", sine(500, Rate, time.Second, -20).Sound(), 0)
	if err == nil || !strings.Contains(err.Error(), "The program mpv (process 77) is using the loudspeaker.") {
		t.Errorf("%v", err)
	}
}

func TestALSASpeaker_BusyLosesNothing(t *testing.T) {
	dir := t.TempDir()
	sp := &ALSASpeaker{Program: fake("speaker busy twice", "ILLUMI_CALLS="+dir+"/calls", "ILLUMI_PLAYED="+dir+"/played"), gap: ms}
	c := sine(500, Rate, 3*time.Second, -20)
	if err := sp.Play(t.Context(), "x", c.Sound(), 0); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(dir + "/played")
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2 * (len(c.Samples) + samplesIn(wake, Rate))); st.Size() != want {
		t.Errorf("%d bytes played, want %d", st.Size(), want)
	}
}

func TestALSAMicrophone_GarbageIsALoss(t *testing.T) {
	r, err := (&ALSAMicrophone{Live: NewLive(Pace{1000}, func(bool) {}), Program: fake("garbage")}).Open(t.Context(), tempFile(t, "take.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	take, err := r.Stop()
	if err != nil || !take.Lost || take.Duration != 100*ms {
		t.Errorf("%+v, %v", take, err)
	}
}

func TestWatchCards_LooksOnceThingsHaveSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, errs := make(chan struct{}), make(chan error)
		var now []Card
		var seen []int
		var trouble error
		var mu sync.Mutex // the fake clock orders nothing for the race detector
		set := func(cards []Card, err error) {
			mu.Lock()
			defer mu.Unlock()
			now, trouble = cards, err
		}
		looks := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(seen)
		}
		done := make(chan error)
		go func() {
			look := news(func() ([]Card, error) {
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(now), trouble
			}, func(c []Card) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, len(c))
			})
			done <- watchEvents(ctx, events, errs, func() time.Duration { look(); return lookAgain })
		}()
		synctest.Wait()
		set([]Card{{ID: "Device"}}, nil)
		for range 8 { // a node for each of the card's devices
			events <- struct{}{}
			time.Sleep(100 * ms)
		}
		synctest.Wait()
		if !slices.Equal(looks(), []int{0}) {
			t.Errorf("unsettled: %v", looks())
		}
		time.Sleep(settled)
		synctest.Wait()
		if !slices.Equal(looks(), []int{0, 1}) {
			t.Errorf("settled: %v", looks())
		}
		errs <- errors.New("overflow") // nothing has changed, nothing is told
		time.Sleep(settled)
		synctest.Wait()
		set(nil, errors.New("half listed"))
		events <- struct{}{}
		time.Sleep(settled)
		synctest.Wait()
		set(nil, nil)
		if !slices.Equal(looks(), []int{0, 1}) {
			t.Errorf("unchanged: %v", looks())
		}
		time.Sleep(lookAgain)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || !slices.Equal(looks(), []int{0, 1, 0}) {
			t.Errorf("%v, %v", looks(), err)
		}
	})
}

func TestWatchCards_SeesACardComeAndGo(t *testing.T) {
	root := machine(t)
	if err := os.MkdirAll(root+"/dev", 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	seen, done := make(chan []Card, 8), make(chan error, 1)
	go func() { done <- WatchCards(ctx, root, func(c []Card) { seen <- c }) }()
	next := func(want int) {
		t.Helper()
		select {
		case c := <-seen:
			if len(c) != want {
				t.Errorf("%d cards, want %d", len(c), want)
			}
		case <-ctx.Done():
			t.Fatal("nothing was noticed")
		}
	}
	next(0)
	plug(t, root, usbMic)
	put(t, root+"/dev/snd/controlC0", "")
	next(1)
	plug(t, root, usbMic, twinMic)
	put(t, root+"/dev/snd/controlC1", "")
	next(2)
	plug(t, root)
	if err := os.RemoveAll(root + "/dev/snd"); err != nil {
		t.Fatal(err)
	}
	next(0)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestALSA_WarningNamesDoubts(t *testing.T) {
	root := machine(t, usbMic, twinMic)
	mic := &ALSAMicrophone{Root: root, Card: "Device", Live: NewLive(Pace{1000}, func(bool) {}), Program: fake("unplugged")}
	if w := mic.Warning(); !strings.Contains(w, "write microphone: usb:1-1.2") {
		t.Errorf("%q", w)
	}
	if w := (&ALSASpeaker{Root: root, Card: "Seeed"}).Warning(); !strings.Contains(w, `"Seeed" is not there`) {
		t.Errorf("%q", w)
	}
	mic.Card = "usb:1-1.4"
	for lost := range 4 {
		if w := mic.Warning(); (w != "") != (lost >= manyDrops) {
			t.Errorf("lost %d times: %q", lost, w)
		}
		r, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil)
		if err != nil {
			t.Fatal(err)
		}
		<-r.Done()
		if _, err := r.Stop(); err != nil {
			t.Error(err)
		}
	}
	plug(t, root, hdmi)
	if _, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil); err == nil || !strings.Contains(mic.Warning(), "USB hub") {
		t.Errorf("%v, %q", err, mic.Warning())
	}
	var d drops
	now := time.Now()
	for i := range 3 { // three in a day are not many
		d.add(now.Add(time.Duration(i) * 8 * time.Hour))
	}
	if d.often(now.Add(17*time.Hour)) != "" {
		t.Error("three in a day were many")
	}
}
