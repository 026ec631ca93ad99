package panel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// apa102 is a row of APA102 lights on SPI, all of the same colour.
type apa102 struct {
	bus  io.WriteCloser
	path string
	n    int
	buf  []byte
}

func openAPA102(w Light, open func(string) (io.WriteCloser, error)) (*apa102, error) {
	bus, err := open(w.SPI)
	if err != nil {
		return nil, fmt.Errorf("open its SPI: %w", err)
	}
	a := &apa102{bus: bus, path: w.SPI, n: w.LEDs}
	if err := a.set(0, false); err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return a, nil
}

// set writes a frame: 32 zeros, four bytes for each light, and half a clock for
// each so that the last one gets its own. The lights' own 5-bit brightness
// stays at full, as it flickers slowly; 8 bits of each colour dim.
func (a *apa102) set(level float64, amber bool) error {
	a.buf = append(a.buf[:0], 0, 0, 0, 0)
	var c [3]byte
	for i, share := range hue(amber) {
		c[i] = byte(255*level*share + 0.5)
	}
	for range a.n {
		a.buf = append(a.buf, 0xff, c[2], c[1], c[0])
	}
	for range a.n/16 + 5 { // and 32 zeros, for the later kind (SK9822)
		a.buf = append(a.buf, 0)
	}
	if _, err := a.bus.Write(a.buf); err != nil {
		return fmt.Errorf("set the lights on %s: %w", a.path, err)
	}
	return nil
}

func (a *apa102) smooth() bool  { return true }
func (a *apa102) words() string { return fmt.Sprintf("%d APA102 on %s", a.n, a.path) }
func (a *apa102) Close() error  { return errors.Join(a.set(0, false), a.bus.Close()) }

// openSPI opens a bus for writing, at a speed that every such light takes. The
// board's own, 125 MHz, is too fast for all of them.
func openSPI(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	const (
		setSpeed = 0x40046b04 // SPI_IOC_WR_MAX_SPEED_HZ
		setMode  = 0x40016b01 // SPI_IOC_WR_MODE
	)
	mode, speed := uint8(0), uint32(1_000_000)
	err = errors.Join(control(f, setMode, unsafe.Pointer(&mode)), control(f, setSpeed, unsafe.Pointer(&speed)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s: %w", path, err), f.Close())
	}
	return f, nil
}

// control is ioctl(2) on a file that stays usable with deadlines and Close.
func control(f *os.File, request uintptr, arg unsafe.Pointer) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}
