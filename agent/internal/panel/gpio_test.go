package panel

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/flow"
)

// train presses pin: its level changes at once and again after each gap in ms.
func (b *bench) train(pin int, gaps ...int) {
	b.mu.Lock()
	high := b.high[pin]
	b.mu.Unlock()
	b.level(pin, !high, false)
	for _, gap := range gaps {
		time.Sleep(time.Duration(gap) * ms)
		high = !high
		b.level(pin, !high, false)
	}
}

func TestGPIO_PressesAreDebounced(t *testing.T) {
	for _, c := range []struct {
		name string
		gaps []int
		want string
	}{
		{"clean", []int{200}, "1v 1^ "},
		{"bounces", []int{2, 1, 5, 3, 200, 4, 4, 1, 1}, "1v 1^ "},
		{"25 ms bounces", []int{25, 25, 25, 25, 300, 25, 25}, "1v 1^ "},
		{"a spike", []int{20}, ""},
		// Slower bounces are presses here; the interaction's lock-out takes them.
		{"90 ms bounce", []int{200, 90, 90}, "1v 1^ 1v 1^ "},
		{"held for long", []int{9000}, "1v 1^ "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
				synctest.Wait()
				b.train(5, c.gaps...)
				time.Sleep(time.Second)
				if got := heardBy(g); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestGPIO_WiringOfSwitches(t *testing.T) {
	for _, c := range []struct {
		name   string
		button map[string]any
		rest   bool // level while nobody presses
	}{
		{"to ground", map[string]any{"gpio": 5}, true},
		{"to 3.3 V", map[string]any{"gpio": 5, "pull": "down"}, false},
		{"own resistor", map[string]any{"gpio": 5, "pull": "none"}, true},
		{"normally closed", map[string]any{"gpio": 5, "invert": true}, false},
		{"normally closed to 3.3 V", map[string]any{"gpio": 5, "invert": true, "pull": "down"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				b.high[5] = c.rest
				g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"buttons": []any{c.button}})})
				synctest.Wait()
				b.train(5, 200)
				time.Sleep(time.Second)
				if got := heardBy(g); got != "1v 1^ " {
					t.Errorf("%q, want a press", got)
				}
			})
		})
	}
}

func TestGPIO_HeldAtStartIsNoPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.high[5] = false
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		time.Sleep(29 * time.Second)
		if c := g.Levels()[0]; !c.Down || c.Ready || c.Stuck(time.Now()) {
			t.Errorf("after 29 s: %+v", c)
		}
		time.Sleep(2 * time.Second)
		if c := g.Levels()[0]; !c.Stuck(time.Now()) {
			t.Errorf("after 31 s it is not stuck: %+v", c)
		}
		b.level(5, true, false)
		time.Sleep(time.Second)
		if got := heardBy(g); got != "" {
			t.Errorf("a held button gave %q", got)
		}
		b.train(5, 100)
		time.Sleep(time.Second)
		if got := heardBy(g); got != "1v 1^ " {
			t.Errorf("after its release: %q", got)
		}
	})
}

// The kernel keeps 16 edges for each line and tells nobody of more.
func TestGPIO_LostEdgeIsSeenByItsLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		synctest.Wait()
		b.level(5, false, true)
		time.Sleep(quietWait*3/2 + Stable + ms)
		b.level(5, true, true)
		time.Sleep(quietWait*3/2 + Stable + ms)
		if got := heardBy(g); got != "1v 1^ " {
			t.Errorf("%q, want a press", got)
		}
	})
}

func TestPinError_SaysWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"request: " + syscall.EBUSY.Error(): "GPIO 7 is in use by another program",
		"request: " + syscall.EPERM.Error(): "add the user to the group gpio",
		"request: " + syscall.EIO.Error():   "GPIO 7 cannot be used",
	} {
		if err := pinError(7, errors.New(text)); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestGPIO_IdleHardlyWakesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		g.Show(full, 0)
		synctest.Wait()
		before, changes := b.counts()
		time.Sleep(time.Minute)
		waits, after := b.counts()
		if n := waits - before; n > 13 || after != changes {
			t.Errorf("in an idle minute: %d waits, %d changes of lamps", n, after-changes)
		}
	})
}

func TestGPIO_LivesThroughTheLossOfItsChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		synctest.Wait()
		<-g.Changes() // that it was found
		g.Show(full, 0)
		g.Recording(true)
		b.level(5, false, false) // pressed, and held
		time.Sleep(100 * ms)
		b.lose()
		time.Sleep(100 * ms)
		if got := heardBy(g); got != "1v 1^ " {
			t.Errorf("with the chip gone: %q, want the button let go", got)
		}
		if s := g.Status(); s.Chip != "" || part(g, "chip") == nil {
			t.Errorf("status %+v", s)
		}
		select {
		case <-g.Changes():
		default:
			t.Error("nobody was told")
		}
		time.Sleep(10 * time.Minute)
		if n := b.found(); n < 15 || n > 30 {
			t.Errorf("looked for it %d times in ten minutes", n)
		}
		b.mu.Lock()
		b.out = map[int]bool{} // it forgot everything
		b.mu.Unlock()
		b.back()
		time.Sleep(lastRetry + time.Second)
		if s := g.Status(); s.Chip != "pinctrl-bench" || len(s.Faults) > 0 {
			t.Errorf("status %+v", s)
		}
		if !b.shines(12) || !b.shines(13) {
			t.Error("the lights are not as they should be")
		}
		b.level(5, true, false)
		time.Sleep(100 * ms)
		b.train(5, 100)
		time.Sleep(time.Second)
		if got := heardBy(g); got != "1v 1^ " {
			t.Errorf("with the chip back: %q", got)
		}
	})
}

func TestGPIO_NoHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.gone = true
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		g.Show(full, 0)
		g.Recording(true)
		if err := part(g, "chip"); err == nil {
			t.Error("nothing says that there are no pins")
		}
		b.back()
		time.Sleep(5 * time.Second)
		if !b.shines(12) || !b.shines(13) {
			t.Error("the lights are not as they should be")
		}
	})
}

func TestGPIO_BusyPinIsNamedAndTakenWhenFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.busy[13] = true
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		g.Show(full, 0)
		if err := part(g, "red"); err == nil || !strings.Contains(err.Error(), "GPIO 13 is in use") {
			t.Errorf("fault %v", err)
		}
		b.train(5, 100)
		time.Sleep(100 * ms)
		if got := heardBy(g); got != "1v 1^ " || !b.shines(12) {
			t.Errorf("the rest does not work: %q, light %v", got, b.shines(12))
		}
		b.mu.Lock()
		b.busy[13] = false
		b.mu.Unlock()
		time.Sleep(lastRetry + quietWait*3/2)
		g.Recording(true)
		if err := part(g, "red"); err != nil || !b.shines(13) {
			t.Errorf("once it is free: %v, red %v", err, b.shines(13))
		}
	})
}

// A pin that another program is just giving up is soon there: a box is not to
// be without its red light for longer than it must.
func TestGPIO_ABusyPinThatIsSoonFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.busy[13] = true
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		b.mu.Lock()
		b.busy[13] = false
		b.mu.Unlock()
		time.Sleep(2 * faultWait)
		g.Recording(true)
		if err := part(g, "red"); err != nil || !b.shines(13) {
			t.Errorf("%v, red %v", err, b.shines(13))
		}
	})
}

// What opens a microphone does so when Recording has returned.
func TestGPIO_RedLightIsOnBeforeRecordingReturns(t *testing.T) {
	b := newBench()
	g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"red": map[string]any{"gpio": 13, "invert": true}})})
	for range 50 {
		g.Recording(true)
		if b.shines(13) {
			t.Fatal("not yet on")
		}
		g.Recording(false)
		if !b.shines(13) {
			t.Fatal("not yet off")
		}
	}
}

func TestGPIO_CloseIsDark(t *testing.T) {
	b := newBench()
	g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"lamps": []any{map[string]any{"gpio": 22}, nil, map[string]any{"gpio": 23}}})})
	g.Show(flow.Lamps{Main: flow.LightFull, Lit: [3]bool{true, true, true}}, 0)
	g.Recording(true)
	for _, pin := range []int{12, 13, 22, 23} {
		if !b.shines(pin) {
			t.Errorf("GPIO %d is dark", pin)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for pin, on := range b.out {
		if on {
			t.Errorf("GPIO %d shines after Close", pin)
		}
	}
	if _, open := <-g.Inputs(); open {
		t.Error("Inputs is still open")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	g.Show(full, 0)
	g.Recording(true) // nothing must happen to somebody who is late
}

func TestDark(t *testing.T) {
	b := newBench()
	for _, pin := range []int{12, 13} {
		b.out[pin] = true // as a killed agent left them
	}
	if err := Dark(GPIOOptions{Wiring: wired(t, nil), Root: t.TempDir(), find: b.find}); err != nil {
		t.Error(err)
	}
	if b.shines(12) || b.shines(13) {
		t.Error("a lamp shines")
	}
	b.gone = true
	if err := Dark(GPIOOptions{Wiring: wired(t, nil), Root: t.TempDir(), find: b.find}); !errors.Is(err, ErrNoHeader) {
		t.Errorf("without a chip: %v", err)
	}
}

// A lamp that fails while the chip works is reported, and works again.
func TestGPIO_FailedLampComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		chip := sysfs(t, root, "fe20c000.pwm", 2)
		put(t, filepath.Join(root, pins4), cells(12))
		g := openBench(t, newBench(), GPIOOptions{Wiring: wired(t, nil), Root: root})
		g.lights.main.(*pwmLED).duty.Close()
		time.Sleep(time.Minute)
		<-g.Changes() // that it was found
		g.Show(full, 0)
		if part(g, "light") == nil {
			t.Fatal("nothing says that the light failed")
		}
		time.Sleep(lastRetry)
		if err := part(g, "light"); err != nil || number(t, chip, 0, "duty_cycle") != pwmPeriod {
			t.Errorf("%v, %d", err, number(t, chip, 0, "duty_cycle"))
		}
		time.Sleep(quietWait * 3 / 2)
		select {
		case <-g.Changes():
		default:
			t.Error("nobody was told")
		}
	})
}

func TestGPIO_Cover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, map[string]any{"cover": map[string]any{"gpio": 22}})})
		b.level(22, false, false)
		time.Sleep(time.Second)
		if shut, known := g.CoverShut(); !shut || !known {
			t.Errorf("shut %v, known %v", shut, known)
		}
		if got := heardBy(g); got != "" {
			t.Errorf("the cover pressed %q", got)
		}
	})
}

func TestGPIO_CountsBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
		press := func(bounces int) {
			gaps := make([]int, bounces+1)
			for i := range bounces {
				gaps[i] = 3
			}
			gaps[bounces] = 200
			b.train(5, gaps...)
			time.Sleep(time.Second)
		}
		for range 6 {
			press(2)
		}
		if c := g.Levels()[0]; c.Presses != 6 || c.Bounces < 1.9 || c.Bounces > 2.1 || c.Worn() {
			t.Errorf("a good switch: %+v", c)
		}
		for range 20 {
			press(30)
		}
		if c := g.Levels()[0]; c.Presses != 26 || !c.Worn() {
			t.Errorf("a worn switch: %+v", c)
		}
	})
}

// Opened, shown, pressed and closed by everybody at once, for the race
// detector.
func TestGPIO_IsSafeForAll(t *testing.T) {
	b := newBench()
	g := openBench(t, b, GPIOOptions{Wiring: wired(t, nil)})
	done := make(chan struct{})
	for _, do := range []func(int){
		func(i int) { g.Show(flow.Lamps{Main: patterns[i%len(patterns)]}, 0.5) },
		func(i int) { g.Recording(i%2 == 0) },
		func(i int) { b.level(5, i%2 == 0, false) },
		func(int) { g.Levels(); g.Status(); g.CoverShut() },
	} {
		go func() {
			for i := range 200 {
				do(i)
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
}
