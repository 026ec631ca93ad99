package panel

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// keyboard is an input device that the kernel makes for us.
type keyboard struct {
	t *testing.T
	f *os.File
}

// invent makes an input device with keys, by uinput.
func invent(t *testing.T, name string, keys ...uint16) *keyboard {
	t.Helper()
	if os.Getenv("ILLUMI_TEST_GPIO") != "1" {
		t.Skip("no machine for trying; see testdata/gpio-sim.sh")
	}
	f, err := os.OpenFile("/dev/uinput", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skip("no uinput: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	const (
		setEvents = 0x40045564 // UI_SET_EVBIT; these two take a number
		setKey    = 0x40045565 // UI_SET_KEYBIT
		setup     = 0x405c5503 // UI_DEV_SETUP
		create    = 0x5501     // UI_DEV_CREATE
	)
	k := &keyboard{t, f}
	k.number(setEvents, evKey)
	for _, key := range keys {
		k.number(setKey, uintptr(key))
	}
	var about struct {
		bus, vendor, product, version uint16
		name                          [80]byte
		effects                       uint32
	}
	about.bus = 3 // USB
	copy(about.name[:], name)
	if err := control(f, setup, unsafe.Pointer(&about)); err != nil {
		t.Fatal(err)
	}
	k.number(create, 0)
	return k
}

func (k *keyboard) number(request, n uintptr) {
	k.t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, k.f.Fd(), request, n); errno != 0 {
		k.t.Fatal(errno)
	}
}

func (k *keyboard) key(code uint16, down int32) {
	k.t.Helper()
	event(k.t, k.f, evKey, code, down)
	event(k.t, k.f, evSyn, 0, 0)
}

// connected looks until a device is in use, as udev takes its time.
func connected(t *testing.T, e *Evdev, name string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * ms) {
		e.look()
		names, err := e.Devices()
		if slices.Contains(names, name) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("in use: %v, %v", names, err)
		}
	}
}

func TestPi_KeysOfARealDevice(t *testing.T) {
	pedal := invent(t, "illumi pedal", 57, 288)
	e, err := OpenEvdev(EvdevOptions{Wiring: wired(t, map[string]any{"profile": "usb-only", "buttons": []any{
		map[string]any{"keys": []any{"BTN_TRIGGER", "KEY_SPACE"}, "device": "ILLUMI pedal", "grab": true}}})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	connected(t, e, "illumi pedal")
	for range 3 {
		pedal.key(288, 1)
		expectKeys(t, e, "1v")
		pedal.key(288, 0)
		expectKeys(t, e, "1^")
	}
	pedal.key(57, 1)
	expectKeys(t, e, "1v")

	// What is down can be asked for, when events were lost.
	e.mu.Lock()
	for _, d := range e.devices {
		if down := d.pressed(); !down[57] || down[288] {
			t.Errorf("down are %v", down)
		}
	}
	e.mu.Unlock()

	// Nobody else gets a grabbed device.
	for _, d := range e.devices {
		other := &inputDevice{path: d.path}
		if err := other.open(true); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("grabbed twice: %v", err)
		}
	}

	pedal.f.Close() // pulled out while it is pressed
	expectKeys(t, e, "1^")
	if names, _ := e.Devices(); len(names) > 0 {
		t.Errorf("still in use: %v", names)
	}
	pedal = invent(t, "illumi pedal", 57, 288)
	connected(t, e, "illumi pedal")
	pedal.key(288, 1)
	expectKeys(t, e, "1v")
}
