package panel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/flow"
)

// A4 for lamps that are only on or off.
func TestStepped_NeverMoreThanTwoFlashesASecond(t *testing.T) {
	for _, p := range patterns {
		if n := flashes(func(at time.Duration) float64 { on, _ := Stepped(p, false, at); return lit(on) }); n > 2 {
			t.Errorf("%s flashes %d times a second", p, n)
		}
	}
	for period := 20 * ms; period < 3*time.Second; period += 20 * ms {
		var s Smoother
		var w wink
		n := flashes(func(at time.Duration) float64 {
			now := start.Add(at)
			return lit(w.next(s.Next(lit(at%period < period/2), now), now))
		})
		if n > 2 {
			t.Errorf("a voice that jumps every %v winks %d times a second", period, n)
		}
	}
}

// What a lamp does over 24 seconds tells which pattern it is.
func TestStepped_NoTwoPatternsAreAlike(t *testing.T) {
	seen := map[string]flow.Pattern{}
	for _, p := range patterns {
		if p == flow.LightVoice {
			continue // like "full" in silence; the red light is beside it
		}
		var s strings.Builder
		for at := time.Duration(0); at < 24*time.Second; at += 50 * ms {
			on, _ := Stepped(p, false, at)
			fmt.Fprint(&s, lit(on))
			if dim, rest := Stepped(p, true, at); dim || rest != 0 {
				t.Fatalf("%s shines in quiet hours", p)
			}
		}
		if other, ok := seen[s.String()]; ok {
			t.Errorf("%s looks like %s", p, other)
		}
		seen[s.String()] = p
	}
}

// Whoever sleeps for as long as Stepped and until say misses no change.
func TestStepped_TellsHowLongItLasts(t *testing.T) {
	for _, p := range patterns {
		for at := time.Duration(0); at < 20*time.Second; at += 10 * ms {
			on, rest := Stepped(p, false, at)
			end := at + rest
			if rest == 0 {
				end = at + 20*time.Second
			}
			for t2 := at; t2 < end; t2 += 10 * ms {
				if later, _ := Stepped(p, false, t2); later != on {
					t.Fatalf("%s at %v is %v for %v, yet %v at %v", p, at, on, rest, later, t2)
				}
			}
			if after, _ := Stepped(p, false, end); rest > 0 && after == on && p != flow.LightDone {
				t.Fatalf("%s at %v: nothing changes at %v", p, at, end)
			}
			if _, ok := exact[p]; ok {
				if level := Level(p, false, at, 0); lit(on) != level {
					t.Fatalf("%s at %v: %v, want %v as in the table", p, at, on, level)
				}
			}
		}
	}
}

func TestLights_SteppedLampFollowsItsRhythm(t *testing.T) {
	for _, p := range patterns {
		synctest.Test(t, func(t *testing.T) {
			b := newBench()
			g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
			g.Show(flow.Lamps{Main: p}, 0)
			for at := time.Duration(0); at < 17*time.Second; at += 50 * ms {
				synctest.Wait()
				if want, _ := Stepped(p, false, at+ms); b.shines(12) != want {
					t.Fatalf("%s at %v: %v", p, at, b.shines(12))
				}
				if at == 0 {
					time.Sleep(ms)
				}
				time.Sleep(50 * ms)
			}
			g.Show(flow.Lamps{Main: p, Dim: true}, 0)
			if b.shines(12) {
				t.Errorf("%s shines in quiet hours", p)
			}
		})
	}
}

// sysfs makes the folders of a board's PWM, and gives that of a channel.
func sysfs(t *testing.T, root, device string, channels int) (chip string) {
	t.Helper()
	dev := filepath.Join(root, "sys/devices/platform/soc", device)
	all, err := filepath.Glob(filepath.Join(root, "sys/class/pwm/*"))
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("pwmchip%d", len(all))
	chip = filepath.Join(dev, "pwm", name)
	for n := range channels {
		put(t, filepath.Join(chip, fmt.Sprintf("pwm%d", n), "period"), "0")
		put(t, filepath.Join(chip, fmt.Sprintf("pwm%d", n), "duty_cycle"), "0")
		put(t, filepath.Join(chip, fmt.Sprintf("pwm%d", n), "enable"), "0")
	}
	put(t, filepath.Join(root, "sys/class/pwm/.x"), "")
	if err := errors.Join(os.Symlink(dev, filepath.Join(chip, "device")), os.Symlink(chip, filepath.Join(root, "sys/class/pwm", name))); err != nil {
		t.Fatal(err)
	}
	return chip
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// number reads a channel's file.
func number(t *testing.T, chip string, channel int, name string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(chip, fmt.Sprintf("pwm%d", channel), name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cells are numbers as the device tree has them.
func cells(all ...uint32) string {
	var b []byte
	for _, c := range all {
		b = binary.BigEndian.AppendUint32(b, c)
	}
	return string(b)
}

const pins4 = "proc/device-tree/soc/gpio@7e200000/pwm_pins/brcm,pins"

func TestPWM_DimsAsThePatternsSay(t *testing.T) {
	for _, p := range patterns {
		synctest.Test(t, func(t *testing.T) {
			root, b := t.TempDir(), newBench()
			chip := sysfs(t, root, "fe20c000.pwm", 2)
			put(t, filepath.Join(root, pins4), cells(12))
			g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil), Root: root})
			if s := g.Status(); s.Light != "GPIO 12, dimmed by PWM" || len(s.Faults) > 0 {
				t.Fatalf("status %+v", s)
			}
			if number(t, chip, 0, "period") != pwmPeriod || number(t, chip, 0, "enable") != 1 {
				t.Fatal("the channel is not on")
			}
			for _, dim := range []bool{false, true} {
				g.Show(flow.Lamps{Main: flow.LightOff, Dim: dim}, 0)
				g.Show(flow.Lamps{Main: p, Dim: dim}, 0)
				began := time.Now()
				for range 100 {
					synctest.Wait()
					// It may be as old as one frame, in which it moves a little.
					late := Level(p, dim, max(0, time.Since(began)-smoothFrame), 0)
					want := Level(p, dim, time.Since(began), 0)
					got := float64(number(t, chip, 0, "duty_cycle")) / pwmPeriod
					if math.Abs(got-want) > math.Abs(want-late)+0.002 {
						t.Fatalf("%s, dim %v, after %v: %.3f, want %.3f", p, dim, time.Since(began), got, want)
					}
					time.Sleep(83 * ms)
				}
			}
			g.Show(full, 0)
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			if number(t, chip, 0, "duty_cycle") != 0 {
				t.Error("it shines after Close")
			}
			if _, taken := b.out[12]; taken {
				t.Error("the line was asked for as a GPIO, which takes it away from PWM")
			}
		})
	}
}

func TestPWM_FollowsAVoiceAndThenRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		chip := sysfs(t, root, "3f20c000.pwm", 2)
		put(t, filepath.Join(root, pins4), cells(12))
		g := openBench(t, newBench(), GPIOOptions{Wiring: wired(t, nil), Root: root})
		g.Show(flow.Lamps{Main: flow.LightVoice}, 0)
		time.Sleep(time.Second)
		quiet := number(t, chip, 0, "duty_cycle")
		g.Show(flow.Lamps{Main: flow.LightVoice}, 1)
		time.Sleep(3 * time.Second)
		if loud := number(t, chip, 0, "duty_cycle"); quiet != 0.4*pwmPeriod || loud < 0.98*pwmPeriod {
			t.Errorf("from %d to %d", quiet, loud)
		}
	})
}

func TestPWM_FindsItsChannel(t *testing.T) {
	root := t.TempDir()
	sysfs(t, root, "1f0009c000.pwm", 4) // the Pi 5's fan
	five := sysfs(t, root, "1f00098000.pwm", 4)
	put(t, filepath.Join(root, "proc/device-tree/axi/pcie@1000120000/rp1/gpio@d0000/pwm_pins/brcm,pins"), cells(18, 19))
	any6 := sysfs(t, root, "pwm_gpio@6", 1)
	put(t, filepath.Join(any6, "device/of_node/gpios"), cells(9, 6, 0))
	for _, c := range []struct {
		pin     int
		trust   bool
		chip    string
		channel int
	}{
		{18, false, five, 2}, {19, false, five, 3}, // the overlay's
		{12, false, "", 0}, {12, true, five, 0}, {13, true, five, 1}, // not connected, unless we are told so
		{6, false, any6, 0}, {5, true, "", 0}, // a channel made for a pin; a pin without one
	} {
		chip, channel, err := findPWM(root, c.pin, c.trust)
		if to, lerr := filepath.EvalSymlinks(chip); chip != "" && lerr == nil {
			chip = to
		}
		if chip != c.chip || channel != c.channel || (err == nil) != (c.chip != "") {
			t.Errorf("GPIO %d: %s %d, %v", c.pin, chip, channel, err)
		}
	}
}

func TestPWM_WantedAndMissingIsSaid(t *testing.T) {
	b := newBench()
	g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"light": map[string]any{"gpio": 12, "pwm": "yes"}})})
	if err := part(g, "light"); err == nil || !strings.Contains(err.Error(), "dtoverlay=pwm") {
		t.Errorf("fault %v", err)
	}
}

func TestLights_Colours(t *testing.T) {
	b := newBench()
	g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"light": map[string]any{"rgb": []any{22, 23, 24}}})})
	shown := func() [3]bool { return [3]bool{b.shines(22), b.shines(23), b.shines(24)} }
	for _, c := range []struct {
		p    flow.Pattern
		want [3]bool
	}{
		{flow.LightFull, [3]bool{true, true, true}}, {flow.LightHelp, [3]bool{true, true, false}},
		{flow.LightBusy, [3]bool{true, true, true}}, {flow.LightOff, [3]bool{}},
	} {
		if g.Show(flow.Lamps{Main: c.p}, 0); shown() != c.want {
			t.Errorf("%s: %v", c.p, shown())
		}
	}
}

// spi keeps what was written last.
type spi struct{ last []byte }

func (s *spi) Write(b []byte) (int, error) { s.last = slices.Clone(b); return len(b), nil }
func (s *spi) Close() error                { return nil }

func TestAPA102(t *testing.T) {
	bus, path := &spi{}, ""
	g := openBench(t, newBench(), GPIOOptions{Wiring: wired(t, map[string]any{"profile": "respeaker-2mic"}),
		spi: func(p string) (io.WriteCloser, error) { path = p; return bus, nil }})
	frame := func(b, g, r byte) []byte {
		return []byte{0, 0, 0, 0, 255, b, g, r, 255, b, g, r, 255, b, g, r, 0, 0, 0, 0, 0}
	}
	for _, c := range []struct {
		l    flow.Lamps
		want []byte
	}{
		{full, frame(82, 161, 255)},
		{flow.Lamps{Main: flow.LightFull, Dim: true}, frame(2, 5, 8)},
		{flow.Lamps{Main: flow.LightHelp}, frame(0, 92, 255)},
		{flow.Lamps{Main: flow.LightOff}, frame(0, 0, 0)},
	} {
		if g.Show(c.l, 0); !slices.Equal(bus.last, c.want) {
			t.Errorf("%+v: % d, want % d", c.l, bus.last, c.want)
		}
	}
	if path != "/dev/spidev0.0" || g.Status().Light != "3 APA102 on /dev/spidev0.0" {
		t.Errorf("opened %q, %q", path, g.Status().Light)
	}
}
