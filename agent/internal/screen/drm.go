package screen

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"

	"illumi/agent/internal/kernel"
)

var (
	errNoCard      = errors.New("the machine has no card for screens (DRM)")
	errUnplugged   = errors.New("no screen is plugged in")
	errTaken       = errors.New("another program has the screen; stop the desktop, or use a system without one")
	errNotAllowed  = errors.New("the box may not use the screen; add the agent's user to the group video")
	errOtherOutput = errors.New("the screen's output was not found")
)

// drmSurface is an output of a card with a picture in plain memory. While it
// is open nothing else draws there, not even the console's cursor.
type drmSurface struct {
	fd     int
	root   string
	card   string // card0
	output string // HDMI-A-1
	crtc   uint32
	conn   kmsConnector
	mode   kmsMode
	buffer kmsCreateDumb
	fb     uint32
	memory []byte
	off    bool   // no signal
	edid   []byte // by which another screen on the same plug is told apart
}

// openDRM takes the first output with a screen, or the one that is named.
func openDRM(root, output string) (surface, error) {
	cards, err := filepath.Glob(filepath.Join(root, "/dev/dri/card*"))
	if err != nil {
		return nil, fmt.Errorf("open screen: %w", err)
	}
	found := errNoCard
	for _, path := range cards {
		if !anyPlugged(root, filepath.Base(path)) {
			found = errUnplugged
			continue
		}
		s, err := openCard(root, path, output)
		if err == nil {
			return s, nil
		}
		// A card that only computes says that it knows no modes.
		if !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EINVAL) {
			found = err
		}
	}
	return nil, fmt.Errorf("open screen: %w", found)
}

func openCard(root, path, output string) (_ *drmSurface, err error) {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.EACCES) {
		return nil, errNotAllowed
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	s := &drmSurface{fd: fd, root: root, card: filepath.Base(path)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	connectors, crtcs, err := kmsIDs(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.card, err)
	}
	encoders, err := s.pick(connectors, output)
	if err != nil {
		return nil, err
	}
	if s.crtc, err = kmsPipe(fd, s.conn, encoders, crtcs); err != nil {
		return nil, fmt.Errorf("%s: %w", s.output, err)
	}
	if err := s.allocate(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.output, err)
	}
	s.edid = s.described()
	return s, s.signal()
}

// pick finds the output.
func (s *drmSurface) pick(connectors []uint32, output string) (encoders []uint32, err error) {
	err = errUnplugged
	if output != "" {
		err = fmt.Errorf("%w: %s", errOtherOutput, output)
	}
	for _, id := range connectors {
		c, modes, enc, lerr := kmsLook(s.fd, id)
		if lerr != nil {
			return nil, fmt.Errorf("%s: %w", s.card, lerr)
		}
		name := c.outputName()
		if output != "" && name != output || strings.HasPrefix(name, "Writeback") {
			continue
		}
		mode, ok := bestMode(modes)
		if c.state != kmsConnected || !ok {
			err = errUnplugged
			continue
		}
		s.conn, s.mode, s.output = c, mode, name
		return enc, nil
	}
	return nil, err
}

// allocate makes memory that the card can show.
func (s *drmSurface) allocate() error {
	s.buffer = kmsCreateDumb{width: uint32(s.mode.width), height: uint32(s.mode.height), bpp: 32}
	if err := control(s.fd, kmsCreate, unsafe.Pointer(&s.buffer)); err != nil {
		return fmt.Errorf("make picture memory: %w", err)
	}
	f := kmsFB{width: s.buffer.width, height: s.buffer.height, pitch: s.buffer.pitch, bpp: 32, depth: 24, handle: s.buffer.handle}
	if err := control(s.fd, kmsAddFB, unsafe.Pointer(&f)); err != nil {
		return fmt.Errorf("make picture memory: %w", err)
	}
	s.fb = f.id
	m := kmsMapDumb{handle: s.buffer.handle}
	if err := control(s.fd, kmsMap, unsafe.Pointer(&m)); err != nil {
		return fmt.Errorf("map picture memory: %w", err)
	}
	var err error
	if s.memory, err = syscall.Mmap(s.fd, int64(m.offset), int(s.buffer.size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err != nil {
		return fmt.Errorf("map picture memory: %w", err)
	}
	return nil
}

// signal makes the card show the memory on the output.
func (s *drmSurface) signal() error {
	var pin runtime.Pinner
	defer pin.Unpin()
	id := s.conn.id
	c := kmsCRTC{id: s.crtc, fb: s.fb, mode: s.mode, modeValid: 1, countConnectors: 1, connectors: address(&pin, &id)}
	err := control(s.fd, kmsSetCRTC, unsafe.Pointer(&c))
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EBUSY) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("%s: show picture: %w", s.output, err)
	}
	s.off = false
	return nil
}

func (s *drmSurface) name() string      { return s.output }
func (s *drmSurface) size() image.Point { return image.Pt(int(s.mode.width), int(s.mode.height)) }
func (s *drmSurface) dpi() float64      { return s.conn.perInch(s.mode) }

// copyOut writes into the card's memory, which goes with a card that is
// pulled, such as one on the USB.
func (s *drmSurface) copyOut(img *image.RGBA) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the picture memory is gone: %v", s.output, r)
		}
	}()
	for y := range img.Rect.Dy() {
		xrgb8888.pack(s.memory[y*int(s.buffer.pitch):], img, y)
	}
	return nil
}

func (s *drmSurface) paint(img *image.RGBA) error {
	if err := s.copyOut(img); err != nil {
		return err
	}
	if s.off {
		return nil
	}
	// Cards without a pipe of their own send only what they are told changed;
	// the others do not know the question.
	d := kmsDirty{fb: s.fb}
	err := control(s.fd, kmsDirtyFB, unsafe.Pointer(&d))
	if err == nil || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) {
		return nil
	}
	return fmt.Errorf("%s: %w", s.output, err)
}

func (s *drmSurface) light(l light) error {
	backlight(s.root, l == lit)
	switch {
	case l == asleep && !s.off:
		c := kmsCRTC{id: s.crtc}
		if err := control(s.fd, kmsSetCRTC, unsafe.Pointer(&c)); err != nil {
			return fmt.Errorf("%s: put to sleep: %w", s.output, err)
		}
		s.off = true
	case l != asleep && s.off:
		return s.signal()
	}
	return nil
}

// plugged reads what the kernel noticed, which does not wake the screen.
func (s *drmSurface) plugged(closely bool) bool {
	b, err := kernel.Read(s.sys("status"))
	if errors.Is(err, os.ErrNotExist) {
		_, err := os.Stat(filepath.Join(s.root, "/dev/dri", s.card))
		return err == nil
	}
	if err != nil || strings.TrimSpace(string(b)) != "connected" {
		return false
	}
	// Exchanging a screen is mostly seen as one that goes and one that comes.
	return !closely || bytes.Equal(s.described(), s.edid)
}

func (s *drmSurface) sys(file string) string {
	return filepath.Join(s.root, "/sys/class/drm", s.card+"-"+s.output, file)
}

// described is what the screen says of itself; nil where it does not.
func (s *drmSurface) described() []byte {
	b, err := kernel.Read(s.sys("edid"))
	if err != nil {
		return nil
	}
	return b
}

// anyPlugged saves asking a card whose outputs the kernel knows to be empty.
func anyPlugged(root, card string) bool {
	states, err := filepath.Glob(filepath.Join(root, "/sys/class/drm", card+"-*", "status"))
	if err != nil || len(states) == 0 {
		return true // nothing is known
	}
	for _, path := range states {
		if b, err := kernel.Read(path); err == nil && strings.TrimSpace(string(b)) == "connected" {
			return true
		}
	}
	return false
}

// Close frees all, and the console comes back.
func (s *drmSurface) Close() error {
	var errs []error
	if s.memory != nil {
		errs = append(errs, syscall.Munmap(s.memory))
		s.memory = nil
	}
	// Closing would free these too, but a card that is held elsewhere as well
	// would keep them.
	if s.fb != 0 {
		id := s.fb
		errs = append(errs, control(s.fd, kmsRemoveFB, unsafe.Pointer(&id)))
	}
	if s.buffer.handle != 0 {
		errs = append(errs, control(s.fd, kmsDestroy, unsafe.Pointer(&kmsDestroyDumb{s.buffer.handle})))
	}
	errs = append(errs, syscall.Close(s.fd))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close screen: %w", err)
	}
	return nil
}

// backlight switches the lamps behind built-in panels. It is not always there,
// nor always allowed; the picture is black anyway.
func backlight(root string, on bool) {
	value := "4" // FB_BLANK_POWERDOWN
	if on {
		value = "0"
	}
	paths, err := filepath.Glob(filepath.Join(root, "/sys/class/backlight/*/bl_power"))
	if err != nil {
		return
	}
	for _, p := range paths {
		_ = os.WriteFile(p, []byte(value), 0) // see above
	}
}
