package screen

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"
)

// The kernel's structures of a frame buffer (include/uapi/linux/fb.h): 160
// bytes, and 80 or on 32 bits 68.
type (
	fbField struct{ offset, length, right uint32 }
	fbVar   struct {
		width, height, virtualWidth, virtualHeight, x, y uint32
		bits, gray                                       uint32
		red, green, blue, alpha                          fbField
		nonstd, activate, heightMM, widthMM, accel       uint32
		timing                                           [9]uint32
		rotate, colorspace                               uint32
		_                                                [4]uint32
	}
	fbFix struct {
		id                      [16]byte
		start                   uintptr
		size, kind, aux, visual uint32
		xpan, ypan, ywrap       uint16
		line                    uint32
		mmio                    uintptr
		mmioSize, accel         uint32
		capabilities            uint16
		_                       [2]uint16
	}
)

const (
	fbGetVar = 0x4600
	fbGetFix = 0x4602
	fbBlank  = 0x4611
)

// fbSurface is a frame buffer, written line by line.
type fbSurface struct {
	file  *os.File
	root  string
	node  string // fb0
	label string // by which the driver calls itself
	v     fbVar
	line  int // bytes
}

// openFrameBuffer takes the frame buffer of that name, or the first: those
// that a screen card imitates only if emulated is set, and last.
func openFrameBuffer(root, name string, emulated bool) (surface, error) {
	nodes, err := filepath.Glob(filepath.Join(root, "/sys/class/graphics/fb[0-9]*"))
	if err != nil {
		return nil, fmt.Errorf("open frame buffer: %w", err)
	}
	type candidate struct{ node, label string }
	var own, others []candidate
	for _, n := range nodes {
		b, err := os.ReadFile(filepath.Join(n, "name"))
		if err != nil {
			continue // it went away while we looked
		}
		c := candidate{filepath.Base(n), strings.TrimSpace(string(b))}
		switch imitates := strings.HasSuffix(c.label, "drmfb"); {
		case name != "" && c.label != name, imitates && !emulated:
		case imitates:
			others = append(others, c)
		default:
			own = append(own, c)
		}
	}
	err = errors.New("the machine has no frame buffer")
	if name != "" {
		err = fmt.Errorf("the machine has no frame buffer named %s", name)
	}
	for _, c := range slices.Concat(own, others) {
		var s *fbSurface
		if s, err = openFB(root, c.node, c.label); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("open frame buffer: %w", err)
}

func openFB(root, node, label string) (*fbSurface, error) {
	f, err := os.OpenFile(filepath.Join(root, "/dev", node), os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		return nil, errNotAllowed
	}
	if err != nil {
		return nil, err
	}
	s := &fbSurface{file: f, root: root, node: node, label: label}
	var fix fbFix
	err = control(int(f.Fd()), fbGetVar, unsafe.Pointer(&s.v))
	if err == nil {
		err = control(int(f.Fd()), fbGetFix, unsafe.Pointer(&fix))
	}
	s.line = int(fix.line)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", node, err), f.Close())
	}
	return s, nil
}

func (s *fbSurface) check() error {
	v := s.v
	if v.bits != 16 && v.bits != 24 && v.bits != 32 {
		return fmt.Errorf("pixels of %d bits are not known", v.bits)
	}
	if v.width < 16 || v.height < 16 || v.width > 8192 || v.height > 8192 || s.line < int(v.width*v.bits/8) {
		return fmt.Errorf("%d×%d in lines of %d bytes cannot be", v.width, v.height, s.line)
	}
	return nil
}

func (s *fbSurface) name() string      { return s.label }
func (s *fbSurface) size() image.Point { return image.Pt(int(s.v.width), int(s.v.height)) }

func (s *fbSurface) dpi() float64 {
	c, m := kmsConnector{widthMM: s.v.widthMM, heightMM: s.v.heightMM}, kmsMode{width: uint16(s.v.width)}
	return c.perInch(m)
}

func (s *fbSurface) pixels() pixels {
	in := func(f fbField) channel { return channel{f.offset, min(f.length, 8)} }
	return pixels{s.v.bits, in(s.v.red), in(s.v.green), in(s.v.blue)}
}

func (s *fbSurface) paint(img *image.RGBA) error {
	p, wide := s.pixels(), int(s.v.bits/8)
	line := make([]byte, int(s.v.width)*wide)
	for y := range img.Rect.Dy() {
		p.pack(line, img, y)
		at := int64(y+int(s.v.y))*int64(s.line) + int64(s.v.x)*int64(wide)
		if _, err := s.file.WriteAt(line, at); err != nil {
			return fmt.Errorf("%s: %w", s.node, err)
		}
	}
	return nil
}

func (s *fbSurface) light(l light) error {
	backlight(s.root, l == lit)
	level := uintptr(0)
	if l == asleep {
		level = 4 // FB_BLANK_POWERDOWN
	}
	// Many frame buffers cannot; the picture is black anyway.
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, s.file.Fd(), fbBlank, level)
	return nil
}

func (s *fbSurface) plugged(bool) bool {
	b, err := os.ReadFile(filepath.Join(s.root, "/sys/class/graphics", s.node, "name"))
	return err == nil && strings.TrimSpace(string(b)) == s.label
}

// Close gives the frame buffer back to the console.
func (s *fbSurface) Close() error { return s.file.Close() }
