package panel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

// simulated gives the folder of the simulated header, or skips the test: these
// run on a machine with gpio-sim only, by testdata/gpio-sim.sh.
func simulated(t *testing.T) *header {
	t.Helper()
	if os.Getenv("ILLUMI_TEST_GPIO") != "1" {
		t.Skip("no simulated GPIO chip; see testdata/gpio-sim.sh")
	}
	h := &header{t: t, files: map[string]*os.File{}}
	t.Cleanup(h.forget)
	return h
}

type header struct {
	t     *testing.T
	files map[string]*os.File // kept open: finding them takes longer than a press may
}

// forget lets the files go, as after the chip went away.
func (h *header) forget() {
	for _, f := range h.files {
		f.Close()
	}
	clear(h.files)
}

func (h *header) file(pin int, name string) *os.File {
	h.t.Helper()
	key := fmt.Sprintf("sim_gpio%d/%s", pin, name)
	if f := h.files[key]; f != nil {
		return f
	}
	all, err := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*/" + key)
	if err != nil || len(all) != 1 {
		h.t.Fatalf("simulated pins: %v, %v", all, err)
	}
	f, err := os.OpenFile(all[0], map[string]int{"pull": os.O_WRONLY, "value": os.O_RDONLY}[name], 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.files[key] = f
	return f
}

// pull is the finger: it holds a line up or down.
func (h *header) pull(pin int, way string) {
	h.t.Helper()
	if _, err := h.file(pin, "pull").WriteAt([]byte("pull-"+way), 0); err != nil {
		h.t.Fatal(err)
	}
}

func (h *header) high(pin int) bool {
	h.t.Helper()
	var b [1]byte
	if _, err := h.file(pin, "value").ReadAt(b[:], 0); err != nil {
		h.t.Fatal(err)
	}
	return b[0] == '1'
}

// until waits for a lamp.
func (h *header) until(pin int, high bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); h.high(pin) != high; time.Sleep(ms) {
		if time.Now().After(end) {
			h.t.Fatalf("GPIO %d is still %v", pin, !high)
		}
	}
}

func (h *header) open(settings map[string]any) *GPIO {
	h.t.Helper()
	g, err := OpenGPIO(GPIOOptions{Wiring: wired(h.t, settings)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := g.Close(); err != nil {
			h.t.Error(err)
		}
	})
	if s := g.Status(); !strings.HasPrefix(s.Chip, "pinctrl-") || len(s.Faults) > 0 {
		h.t.Fatalf("status %+v", s)
	}
	return g
}

// Descriptor 0 outlives the library, which closes it where the chip has two
// names (hardware.md 1.2).
func TestPi_DescriptorZeroSurvives(t *testing.T) {
	h := simulated(t)
	if to, err := os.Readlink("/dev/gpiochip4"); err != nil {
		t.Skip("the chip has one name only")
	} else if to != "gpiochip0" {
		t.Fatalf("gpiochip4 leads to %s", to)
	}
	for range 2 { // the second In failed with "busy" where descriptor 0 was a file of ours
		g := h.open(nil)
		var st syscall.Stat_t
		if err := syscall.Fstat(0, &st); err != nil {
			t.Fatalf("descriptor 0: %v", err)
		}
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		if f.Fd() == 0 {
			t.Error("the next file is descriptor 0")
		}
		f.Close()
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := stdinRepairs.Load(); n != 1 {
		t.Errorf("descriptor 0 was repaired %d times, want once: is the trap still there?", n)
	}
}

func TestPi_PressesAndLamps(t *testing.T) {
	h := simulated(t)
	g := h.open(nil)
	for pin, button := range map[int]string{5: "1", 6: "2", 26: "3"} {
		h.pull(pin, "down")
		expectKeys(t, g, button+"v")
		h.pull(pin, "up")
		expectKeys(t, g, button+"^")
	}
	g.Recording(true)
	if !h.high(13) {
		t.Error("Recording returned before the red light was on")
	}
	g.Recording(false)
	if h.high(13) {
		t.Error("Recording returned before the red light was off")
	}
	g.Show(flow.Lamps{Main: flow.LightBusy}, 0)
	h.until(12, true)
	began := time.Now()
	h.until(12, false)
	h.until(12, true)
	if d := time.Since(began); d < time.Second || d > 4*time.Second {
		t.Errorf("a second on and one off took %v", d)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if h.high(12) || h.high(13) {
		t.Error("a lamp shines after Close")
	}
}

// Ten presses that chatter are ten. An emulated machine may stop for a while in
// the middle; a train with a pause as long as a press is none, and is repeated.
func TestPi_Bounces(t *testing.T) {
	h := simulated(t)
	g := h.open(nil)
	chatter := func(end string) (longest time.Duration) {
		last := time.Now()
		for _, way := range []string{"down", "up", "down", "up", "down", "up", "down", "up", end} {
			h.pull(5, way)
			longest = max(longest, time.Since(last))
			last = time.Now()
			time.Sleep(2 * ms)
			longest = max(longest, time.Since(last))
		}
		return longest
	}
	good := 0
	for range 60 {
		before := g.Levels()[0].Presses
		pause := chatter("down")
		expectKeys(t, g, "1v")
		pause = max(pause, chatter("up"))
		expectRest(t, g)
		presses := g.Levels()[0].Presses - before
		if pause > Stable/2 {
			continue
		}
		if presses != 1 {
			t.Errorf("one press with pauses up to %v was %d", pause, presses)
		}
		if good++; good == 10 {
			return
		}
	}
	t.Logf("only %d of 60 trains ran without a pause", good)
	if good == 0 {
		t.Error("nothing was tested; the machine is too busy")
	}
}

func TestPi_NormallyClosed(t *testing.T) {
	h := simulated(t)
	h.pull(5, "down")
	g := h.open(map[string]any{"buttons": []any{map[string]any{"gpio": 5, "invert": true}}})
	h.pull(5, "down") // the request pulled it up
	expectRest(t, g)
	h.pull(5, "up")
	expectKeys(t, g, "1v")
	h.pull(5, "down")
	expectKeys(t, g, "1^")
}

// expectRest waits until the first switch is ready and forgets what came.
func expectRest(t *testing.T, g *GPIO) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * ms) {
		if c := g.Levels()[0]; c.Ready && !c.Down {
			heardBy(g)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the switch does not rest: %+v", g.Levels()[0])
		}
	}
}

func TestPi_BusyPinIsNamed(t *testing.T) {
	h := simulated(t)
	h.open(map[string]any{"buttons": []any{map[string]any{"gpio": 5}, map[string]any{"gpio": 6}}})
	other, err := OpenGPIO(GPIOOptions{Wiring: wired(t, map[string]any{
		"buttons": []any{map[string]any{"gpio": 22}, map[string]any{"gpio": 6}}, "light": map[string]any{"gpio": 23}, "red": map[string]any{"gpio": 24}})})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := part(other, "buttons"); err == nil || !strings.Contains(err.Error(), "GPIO 6 is in use") {
		t.Errorf("fault %v", err)
	}
}

// From the finger to the lamp, with a daemon that answers each press at once;
// 30 ms of it are debouncing. It reports: an emulated machine has its own time,
// and the limit (people.md P6) is held where the whole agent runs.
func TestPi_PressToLight(t *testing.T) {
	h := simulated(t)
	g := h.open(nil)
	go func() {
		for in := range g.Inputs() {
			g.Show(flow.Lamps{Main: map[bool]flow.Pattern{true: flow.LightFull, false: flow.LightOff}[in.Down]}, 0)
		}
	}()
	var all []time.Duration
	for range 100 {
		began := time.Now()
		h.pull(5, "down")
		h.until(12, true)
		all = append(all, time.Since(began))
		h.pull(5, "up")
		h.until(12, false)
	}
	slices.Sort(all)
	t.Logf("press to light: median %v, 99 of 100 within %v, worst %v", all[50], all[98], all[99])
}

// While nothing happens nothing wakes up, but for a look every five seconds.
func TestPi_IdleCost(t *testing.T) {
	h := simulated(t)
	g := h.open(nil)
	g.Show(flow.Lamps{Main: flow.LightOff}, 0)
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	const d = 20 * time.Second
	time.Sleep(d)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	wakes := after.Nvcsw - before.Nvcsw
	t.Logf("idle for %v: %v of processor time, %d voluntary switches of all threads", d, cpu, wakes)
	if wakes > 80 {
		t.Errorf("%d switches in %v", wakes, d)
	}
}

// The chip goes away and comes back under another number; root only.
func TestPi_ChipComesAndGoes(t *testing.T) {
	h := simulated(t)
	if os.Geteuid() != 0 {
		t.Skip("taking the chip away needs root")
	}
	live := func(on string) {
		all, err := filepath.Glob("/sys/kernel/config/gpio-sim/*/live")
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		if b, err := os.ReadFile(all[0]); err != nil || strings.TrimSpace(string(b)) == on {
			return // the simulation refuses what is so already
		}
		if err := os.WriteFile(all[0], []byte(on), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { live("1") })
	g := h.open(nil)
	g.Show(full, 0)
	g.Recording(true)
	h.pull(5, "down")
	expectKeys(t, g, "1v")
	live("0")
	h.forget()
	expectKeys(t, g, "1^")
	status(t, g, "")
	live("1")
	status(t, g, "pinctrl-")
	h.until(12, true)
	h.until(13, true)
	expectRest(t, g)
	h.pull(5, "down")
	expectKeys(t, g, "1v")
	h.pull(5, "up")
	expectKeys(t, g, "1^")
	live("0") // and once more, as the library is asked a third time
	h.forget()
	status(t, g, "")
	live("1")
	status(t, g, "pinctrl-")
	h.until(13, true)
}

// status waits for a chip whose label begins so; "" is none.
func status(t *testing.T, g *GPIO, begins string) {
	t.Helper()
	end := time.After(40 * time.Second)
	for {
		if s := g.Status(); (s.Chip == "") == (begins == "") && strings.HasPrefix(s.Chip, begins) {
			return
		}
		select {
		case <-g.Changes():
		case <-end:
			t.Fatalf("status %+v", g.Status())
		}
	}
}
