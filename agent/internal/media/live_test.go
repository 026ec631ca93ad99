package media

import (
	"context"
	"errors"
	"image"
	"io"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// device is a microphone or camera that notes when it is open.
type device struct {
	l      *lamp
	panics bool
}

func (d device) Close() error {
	d.l.note("close")
	if d.panics {
		panic("driver")
	}
	return io.ErrClosedPipe
}

func TestLive_LightIsOnExactlyWhileOpen(t *testing.T) {
	opens := map[string]struct {
		open func(*lamp) (device, error)
		want []string
	}{
		"used": {func(l *lamp) (device, error) { l.note("open"); return device{l: l}, nil },
			[]string{"on", "open", "close", "off"}},
		"open fails": {func(l *lamp) (device, error) { l.note("open"); return device{}, io.ErrNoProgress },
			[]string{"on", "open", "off"}},
		"open panics": {func(l *lamp) (device, error) { l.note("open"); panic("driver") },
			[]string{"on", "open", "off"}},
		"close panics": {func(l *lamp) (device, error) { l.note("open"); return device{l, true}, nil },
			[]string{"on", "open", "close", "off"}},
	}
	for name, c := range opens {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lamp{}
				func() {
					defer func() { _ = recover() }() // the panics above
					h, err := hold(NewLive(Pace{}, l.set), func() (device, error) { return c.open(l) })
					if err != nil {
						return
					}
					if err := h.Close(); !errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("Close: %v", err)
					}
					if err := h.Close(); !errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("second Close: %v", err)
					}
				}()
				if !slices.Equal(l.log, c.want) {
					t.Errorf("%v, want %v", l.log, c.want)
				}
			})
		})
	}
}

func TestLive_SeenForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := &lamp{}, time.Now()
		h, err := hold(NewLive(Pace{}, l.set), func() (device, error) { return device{l: l}, nil })
		if err != nil {
			t.Fatal(err)
		}
		_ = h.Close() // the device's own error, tested above
		if d := time.Since(began); d != seen {
			t.Errorf("lit for %v", d)
		}
	})
}

func TestLive_MicrophoneAndCameraShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lamp{}
		live := NewLive(Pace{}, l.set)
		a, _ := hold(live, func() (device, error) { return device{l: l}, nil })
		b, _ := hold(live, func() (device, error) { return device{l: l}, nil })
		_ = a.Close() // the device's own error, tested above
		if !l.lit() {
			t.Error("dark while the second is open")
		}
		_ = b.Close() // as before
		if want := []string{"on", "close", "close", "off"}; !slices.Equal(l.log, want) {
			t.Errorf("%v", l.log)
		}
	})
}

// Every microphone and camera of the package, whatever becomes of it, is open
// only under the light, and leaves it dark.
func TestLive_EveryDevice(t *testing.T) {
	ctx := t.Context()
	l := &lamp{}
	live := NewLive(Pace{Speed: 1000}, l.set)
	pace := Pace{Speed: 200}
	good := write(t, "good.wav", EncodeWAV(sine(300, 44100, time.Second, -6)))
	bad := write(t, "bad.wav", []byte("nothing"))
	mics := map[string]interface {
		Open(context.Context, *os.File, Listener) (*Recording, error)
	}{
		"file":      &FileMicrophone{Path: good, Pace: pace, Live: live},
		"bad file":  &FileMicrophone{Path: bad, Pace: pace, Live: live},
		"generated": &GeneratedMicrophone{Name: "x", Pace: pace, Live: live},
		"pushed":    &PushedMicrophone{Live: live, use: true, Ask: func(Want) {}},
		"arecord":   &ALSAMicrophone{Live: live, Program: fake("record")},
		"busy":      &ALSAMicrophone{Live: live, Program: fake("busy")},
		"unplugged": &ALSAMicrophone{Live: live, Program: fake("unplugged")},
		"missing":   &ALSAMicrophone{Live: live, Program: Program{Path: "/nowhere/arecord"}},
	}
	for name, m := range mics {
		l.log = nil
		r, err := m.Open(ctx, tempFile(t, "t.wav"), nil)
		if err == nil {
			if !l.lit() && r.Lost() == nil {
				t.Errorf("%s: open in the dark", name)
			}
			if _, err := r.Stop(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !slices.Equal(l.log, []string{"on", "off"}) {
			t.Errorf("%s: light went %v (%v)", name, l.log, err)
		}
	}
	cams := map[string]interface {
		Photograph(context.Context, *os.File, <-chan struct{}) (Photo, error)
	}{
		"drawn":      &DrawnCamera{Name: "x", Live: live},
		"no file":    &StillCamera{Path: "/nowhere", Live: live},
		"not one":    &StillCamera{Path: bad, Live: live},
		"unanswered": &PushedCamera{Live: live, use: true, Ask: func(Want) {}},
	}
	for name, c := range cams {
		l.log = nil
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		_, err := c.Photograph(short, tempFile(t, "p.jpg"), nil)
		cancel()
		if name != "drawn" && err == nil {
			t.Errorf("%s: took a photo", name)
		}
		if !slices.Equal(l.log, []string{"on", "off"}) {
			t.Errorf("%s: light went %v (%v)", name, l.log, err)
		}
	}
	l.log = nil
	func() {
		defer func() { _ = recover() }() // the driver's panic
		_, err := photograph(ctx, live, tempFile(t, "p.jpg"), nil, func(context.Context) (image.Image, error) { panic("driver") })
		t.Errorf("no panic but %v", err)
	}()
	if !slices.Equal(l.log, []string{"on", "off"}) {
		t.Errorf("panicking camera: light went %v", l.log)
	}
}
