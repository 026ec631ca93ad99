package panel

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plug makes an input device with the given keys and gives its other end; a
// named pipe stands for the kernel's device.
func plug(t *testing.T, root string, n int, name string, keys ...uint16) *os.File {
	t.Helper()
	var able [0x300 / bits.UintSize]uint
	for _, k := range keys {
		able[int(k)/bits.UintSize] |= 1 << (int(k) % bits.UintSize)
	}
	var words []string
	for _, w := range slices.Backward(able[:]) {
		if w != 0 || len(words) > 0 { // as the kernel leaves out leading zeros
			words = append(words, fmt.Sprintf("%x", w))
		}
	}
	about := filepath.Join(root, fmt.Sprintf("sys/class/input/event%d/device", n))
	put(t, filepath.Join(about, "name"), name+"\n")
	put(t, filepath.Join(about, "capabilities/key"), strings.Join(words, " ")+"\n")
	path := filepath.Join(root, fmt.Sprintf("dev/input/event%d", n))
	put(t, filepath.Join(root, "dev/input/.x"), "")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// event writes what the kernel would.
func event(t *testing.T, to *os.File, kind, code uint16, value int32) {
	t.Helper()
	b := make([]byte, timeSize, eventSize)
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, code)
	b = binary.NativeEndian.AppendUint32(b, uint32(value))
	if _, err := to.Write(b); err != nil {
		t.Fatal(err)
	}
}

func openKeys(t *testing.T, root string, settings map[string]any) *Evdev {
	t.Helper()
	e, err := OpenEvdev(EvdevOptions{Wiring: wired(t, settings), Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// heard1 waits for one change.
func heard1(t *testing.T, p Panel) string {
	t.Helper()
	select {
	case in := <-p.Inputs():
		return fmt.Sprintf("%d%s", in.Button, map[bool]string{true: "v", false: "^"}[in.Down])
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return ""
	}
}

func expectKeys(t *testing.T, p Panel, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := heard1(t, p); got != w {
			t.Fatalf("heard %s, want %s", got, w)
		}
	}
}

func TestEvdev_KeysAreButtons(t *testing.T) {
	root := t.TempDir()
	pedal := plug(t, root, 0, "PCsensor FootSwitch", 30, 48, 57)
	plug(t, root, 1, "Power Button", 116)
	e := openKeys(t, root, map[string]any{"profile": "usb-only"})
	if names, err := e.Devices(); !slices.Equal(names, []string{"PCsensor FootSwitch"}) || err != nil {
		t.Errorf("devices %v, %v", names, err)
	}
	event(t, pedal, 1, 30, 1) // a key of nobody's
	event(t, pedal, 1, 48, 1)
	event(t, pedal, 0, 0, 0)
	expectKeys(t, e, "1v")
	event(t, pedal, 1, 48, 2) // held
	event(t, pedal, 1, 57, 1) // and the other key of the same button
	event(t, pedal, 1, 48, 0)
	event(t, pedal, 1, 57, 0)
	expectKeys(t, e, "1^")
	if c := e.Levels(); len(c) != 3 || c[0].Presses != 1 {
		t.Errorf("%+v", c)
	}
}

func TestEvdev_DeviceByName(t *testing.T) {
	root := t.TempDir()
	keyboard := plug(t, root, 0, "Some Keyboard", 57)
	encoder := plug(t, root, 1, "DragonRise Inc. Generic USB Joystick", 57, 288)
	e := openKeys(t, root, map[string]any{"profile": "usb-only", "buttons": []any{
		map[string]any{"keys": []any{"KEY_SPACE"}, "device": "dragonrise"}}})
	event(t, keyboard, 1, 57, 1)
	event(t, keyboard, 1, 57, 0)
	event(t, encoder, 1, 57, 1)
	expectKeys(t, e, "1v")
	if c := e.Levels()[0]; c.Presses != 1 {
		t.Errorf("the keyboard pressed as well: %+v", c)
	}
}

func TestEvdev_ComesAndGoes(t *testing.T) {
	root := t.TempDir()
	e := openKeys(t, root, map[string]any{"profile": "usb-only"})
	pedal := plug(t, root, 0, "pedal", 57)
	e.look()
	event(t, pedal, 1, 57, 1)
	expectKeys(t, e, "1v")
	pedal.Close()
	expectKeys(t, e, "1^") // nobody knows, so it is let go
	if names, _ := e.Devices(); len(names) > 0 {
		t.Errorf("still there: %v", names)
	}
	if err := os.Remove(filepath.Join(root, "dev/input/event0")); err != nil {
		t.Fatal(err)
	}
	pedal = plug(t, root, 0, "pedal", 57)
	e.look()
	event(t, pedal, 1, 57, 1)
	event(t, pedal, 1, 57, 0)
	event(t, pedal, 1, 57, 1)
	expectKeys(t, e, "1v")
}

// After lost events nothing is believed until it was asked; a pipe cannot be
// asked, so all is up.
func TestEvdev_LostEvents(t *testing.T) {
	root := t.TempDir()
	pedal := plug(t, root, 0, "pedal", 57)
	e := openKeys(t, root, map[string]any{"profile": "usb-only"})
	event(t, pedal, 1, 57, 1)
	expectKeys(t, e, "1v")
	event(t, pedal, 0, synDropped, 0)
	event(t, pedal, 1, 57, 1)
	event(t, pedal, 0, 0, 0)
	expectKeys(t, e, "1^")
}

func TestEvdev_CloseEndsReads(t *testing.T) {
	root := t.TempDir()
	plug(t, root, 0, "pedal", 57)
	e := openKeys(t, root, map[string]any{"profile": "usb-only"})
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-e.Inputs(); open {
		t.Error("Inputs is still open")
	}
}
