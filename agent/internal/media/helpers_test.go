package media

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary play arecord and aplay: with ILLUMI_FAKE set
// it is one of them, with all their ways to fail.
func TestMain(m *testing.M) {
	if kind := os.Getenv("ILLUMI_FAKE"); kind != "" {
		os.Exit(fakeALSA(kind))
	}
	os.Exit(m.Run())
}

func fake(kind string, more ...string) Program {
	return Program{Path: os.Args[0], Env: append([]string{"ILLUMI_FAKE=" + kind}, more...)}
}

// lamp notes what the red light and the devices do, in order.
type lamp struct {
	mu  sync.Mutex
	log []string
	on  bool
}

func (l *lamp) set(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == l.on {
		l.log = append(l.log, "repeated")
	}
	l.on = on
	l.log = append(l.log, map[bool]string{true: "on", false: "off"}[on])
}

func (l *lamp) note(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		s += " in the dark"
	}
	l.log = append(l.log, s)
}

func (l *lamp) lit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on
}

func tempFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(t *testing.T, path string) Clip {
	t.Helper()
	s, err := OpenWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadClip(s, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sine(hz float64, rate int, d time.Duration, db float64) Clip {
	c := Clip{Rate: rate, Samples: make([]int16, samplesIn(d, rate))}
	a := 32767 * math.Pow(10, db/20)
	for i := range c.Samples {
		c.Samples[i] = saturate(a * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return c
}

func hiss(d time.Duration, db float64) Clip {
	rng := rand.New(rand.NewPCG(5, 6))
	c := Clip{Rate: Rate, Samples: make([]int16, samplesIn(d, Rate))}
	a := 32767 * math.Pow(10, db/20) * math.Sqrt(3) // of evenly spread noise
	for i := range c.Samples {
		c.Samples[i] = saturate(a * (2*rng.Float64() - 1))
	}
	return c
}

func measured(c Clip) *meter {
	m := newMeter(c.Rate)
	m.add(c.Samples, func(Level) {})
	return m
}

// power gives the power of a clip at one frequency, in dB of full scale.
func power(c Clip, hz float64) float64 {
	var re, im float64
	for i, v := range c.Samples {
		t := 2 * math.Pi * hz * float64(i) / float64(c.Rate)
		re += float64(v) * math.Cos(t)
		im += float64(v) * math.Sin(t)
	}
	return decibels(2 * math.Hypot(re, im) / float64(len(c.Samples)) / 32768)
}

func onInterrupt() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	return c
}

// emit writes as a program does whose reader may be gone.
func emit(b []byte) { _, _ = os.Stdout.Write(b) }

// called counts the starts of a fake, in the file ILLUMI_CALLS.
func called() int64 {
	f, err := os.OpenFile(os.Getenv("ILLUMI_CALLS"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0
	}
	defer f.Close()
	if _, err := f.Write([]byte{1}); err != nil {
		return 0
	}
	st, err := f.Stat()
	if err != nil {
		return 0
	}
	return st.Size()
}

func fakeALSA(kind string) int {
	out := make([]byte, 3200) // 100 ms
	for i := range out {
		out[i] = byte(i % 7)
	}
	switch kind {
	case "record": // flows until it is interrupted, as arecord does
		interrupted := onInterrupt()
		for {
			if _, err := os.Stdout.Write(out); err != nil {
				return 1
			}
			select {
			case <-interrupted:
				emit(out[:101]) // the rest, half a sample at its end
				fmt.Fprintln(os.Stderr, "Aborted by signal Interrupt...")
				return 1
			case <-time.After(10 * time.Millisecond):
			}
		}
	case "named": // flows if it is asked for the right card
		if want := os.Getenv("ILLUMI_CARD"); os.Args[len(os.Args)-1] != want {
			fmt.Fprintln(os.Stderr, "Cannot get card index for", os.Args[len(os.Args)-1])
			return 1
		}
		return fakeALSA("record")
	case "busy twice", "hangs once", "speaker busy twice":
		n := called()
		switch {
		case kind == "hangs once" && n < 2:
			return fakeALSA("mute")
		case kind == "hangs once":
			return fakeALSA("record")
		case n < 3:
			return fakeALSA("busy")
		case kind == "busy twice":
			return fakeALSA("record")
		}
		return fakeALSA("play")
	case "garbage": // full scale nonsense, then an end without a reason
		for i := range out {
			out[i] = byte(i*i*31 + i>>3)
		}
		emit(out)
		return 0
	case "unplugged":
		emit(out)
		fmt.Fprintln(os.Stderr, "arecord: pcm_read:2221: read error: No such device")
		return 1
	case "busy":
		fmt.Fprintln(os.Stderr, "arecord: main:852: audio open error: Device or resource busy")
		return 1
	case "absent":
		fmt.Fprintln(os.Stderr, "Cannot get card index for Device")
		return 1
	case "hangs":
		onInterrupt() // and takes no notice of it
		emit(out)
		time.Sleep(time.Minute)
	case "goes on": // flows on, whatever it is told
		onInterrupt()
		for {
			if _, err := os.Stdout.Write(out); err != nil {
				return 1
			}
			time.Sleep(10 * time.Millisecond)
		}
	case "leaves a child": // which keeps the device, and says so by the pipe
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "ILLUMI_FAKE=goes on")
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			return 1
		}
		return 0
	case "mute":
		time.Sleep(time.Minute)
	case "play": // keeps what it was given
		f, err := os.Create(os.Getenv("ILLUMI_PLAYED"))
		if err != nil {
			return 2
		}
		if _, err := io.Copy(f, os.Stdin); err != nil {
			return 2
		}
		for i, a := range os.Args {
			if a == "-r" {
				if _, err := strconv.Atoi(os.Args[i+1]); err != nil {
					return 3
				}
				return 0
			}
		}
		return 3
	case "amixer":
		line := strings.TrimSpace(strings.Join(append([]string{os.Getenv("ILLUMI_NAME")}, os.Args[1:]...), " "))
		f, err := os.OpenFile(os.Getenv("ILLUMI_CALLS"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return 2
		}
		defer f.Close()
		fmt.Fprintln(f, line)
		if fails := os.Getenv("ILLUMI_FAILS"); fails != "" && strings.Contains(line, fails) {
			fmt.Fprintln(os.Stderr, "amixer: Invalid command!")
			return 1
		}
		if strings.HasSuffix(line, "scontents") {
			b, err := os.ReadFile(os.Getenv("ILLUMI_CONTENTS"))
			if err != nil {
				return 2
			}
			emit(b)
		}
		return 0
	case "deaf": // reads nothing, ends never
		time.Sleep(time.Minute)
	case "no card":
		fmt.Fprintln(os.Stderr, "aplay: main:830: audio open error: No such file or directory")
		return 1
	}
	return 9
}
