package panel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// The parts of Linux's input events that count here (input-event-codes.h).
const (
	evSyn      = 0
	evKey      = 1
	synDropped = 3
	keyMost    = 0x2ff
)

// eventSize is that of struct input_event: two words of time, which are as wide
// as the machine's, then type, code and value.
const (
	timeSize  = int(unsafe.Sizeof(syscall.Timeval{}))
	eventSize = timeSize + 8
)

// inputDevice is one device of /dev/input.
type inputDevice struct {
	path string
	name string
	able []uint64 // bit n: it has key n
	file *os.File
	keys []boundKey
	down map[uint16]bool
}

// inputDevices lists devices that have keys. What it learns is in /sys, so that
// no device need be opened for it.
func inputDevices(root string) (all []*inputDevice, err error) {
	paths, err := filepath.Glob(filepath.Join("/", root, "dev/input/event*"))
	if err != nil {
		return nil, fmt.Errorf("look for input devices: %w", err)
	}
	for _, path := range paths {
		about := filepath.Join("/", root, "sys/class/input", filepath.Base(path), "device")
		name, err := os.ReadFile(filepath.Join(about, "name"))
		if err != nil {
			continue // it has just gone
		}
		able, err := os.ReadFile(filepath.Join(about, "capabilities/key"))
		if err != nil {
			continue
		}
		d := &inputDevice{path: path, name: strings.TrimSpace(string(name)), able: bitmap(string(able)), down: map[uint16]bool{}}
		all = append(all, d)
	}
	return all, nil
}

// bitmap reads the kernel's list of words, the highest first. A word is as wide
// as this program's, also where the kernel's own is wider.
func bitmap(text string) []uint64 {
	words := strings.Fields(text)
	const width = bits.UintSize
	able := make([]uint64, (len(words)*width+63)/64)
	for i, w := range words {
		v, err := strconv.ParseUint(w, 16, width)
		if err != nil {
			return nil // not a list of words: no keys
		}
		at := (len(words) - 1 - i) * width
		able[at/64] |= v << (at % 64)
	}
	return able
}

func (d *inputDevice) has(code uint16) bool {
	i := int(code) / 64
	return i < len(d.able) && d.able[i]&(1<<(code%64)) != 0
}

// called says that part is in the device's name, or names it by a path such as
// /dev/input/by-id/…
func (d *inputDevice) called(part string) bool {
	if part == "" {
		return true
	}
	if strings.HasPrefix(part, "/") {
		to, err := filepath.EvalSymlinks(part)
		return err == nil && to == d.path
	}
	return strings.Contains(strings.ToLower(d.name), strings.ToLower(part))
}

// open opens the device so that Close ends a read, and, where grab, keeps its
// keys from everybody else.
func (d *inputDevice) open(grab bool) error {
	f, err := os.OpenFile(d.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if grab {
		const setGrab = 0x40044590 // EVIOCGRAB: any pointer but a null one means yes
		yes := int32(1)
		if err := control(f, setGrab, unsafe.Pointer(&yes)); err != nil {
			return errors.Join(fmt.Errorf("keep its keys to ourselves: %w", err), f.Close())
		}
	}
	d.file = f
	return nil
}

// read hands over keys until the device is gone or done is closed.
func (d *inputDevice) read(to chan<- keyNews, done <-chan struct{}) {
	give := func(n keyNews) bool {
		n.device = d
		select {
		case to <- n:
			return true
		case <-done:
			return false
		}
	}
	var buf [64 * eventSize]byte
	dropped := false
	for {
		n, err := d.file.Read(buf[:])
		if err == nil && n%eventSize != 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			give(keyNews{err: err})
			return
		}
		for b := buf[:n]; len(b) > 0; b = b[eventSize:] {
			kind := binary.NativeEndian.Uint16(b[timeSize:])
			code := binary.NativeEndian.Uint16(b[timeSize+2:])
			value := int32(binary.NativeEndian.Uint32(b[timeSize+4:]))
			switch {
			case kind == evSyn && code == synDropped:
				dropped = true
			case kind == evSyn && dropped: // what was between must be asked
				dropped = false
				if !give(keyNews{resync: true}) {
					return
				}
			case kind == evKey && !dropped && value != 2: // 2 repeats what is held
				if !give(keyNews{code: code, down: value == 1}) {
					return
				}
			}
		}
	}
}

// pressed asks which keys are down; where that cannot be asked none is.
func (d *inputDevice) pressed() map[uint16]bool {
	down := map[uint16]bool{}
	var state [(keyMost + 8) / 8]byte
	const getKeys = 0x80604518 // EVIOCGKEY(96)
	if err := control(d.file, getKeys, unsafe.Pointer(&state)); err != nil {
		return down
	}
	for _, k := range d.keys {
		if state[k.code/8]&(1<<(k.code%8)) != 0 {
			down[k.code] = true
		}
	}
	return down
}
