package screen

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// The kernel's structures of mode setting (include/uapi/drm/drm_mode.h). Their
// fields are laid out so that 32 and 64 bits agree.
type (
	kmsResources struct {
		fbs, crtcs, connectors, encoders                     uint64 // pointers
		countFBs, countCRTCs, countConnectors, countEncoders uint32
		minWidth, maxWidth, minHeight, maxHeight             uint32
	}
	kmsMode struct {
		clock                                       uint32
		width, hsyncStart, hsyncEnd, htotal, hskew  uint16
		height, vsyncStart, vsyncEnd, vtotal, vscan uint16
		refresh, flags, kind                        uint32
		label                                       [32]byte
	}
	kmsConnector struct {
		encoders, modes, props, propValues    uint64 // pointers
		countModes, countProps, countEncoders uint32
		encoder, id, kind, number, state      uint32
		widthMM, heightMM, subpixel, _        uint32
	}
	kmsEncoder struct{ id, kind, crtc, possibleCRTCs, possibleClones uint32 }
	kmsCRTC    struct {
		connectors           uint64 // pointer
		countConnectors, id  uint32
		fb, x, y             uint32
		gammaSize, modeValid uint32
		mode                 kmsMode
	}
	kmsFB         struct{ id, width, height, pitch, bpp, depth, handle uint32 }
	kmsCreateDumb struct {
		height, width, bpp, flags, handle, pitch uint32
		size                                     uint64
	}
	kmsMapDumb struct {
		handle, _ uint32
		offset    uint64
	}
	kmsDestroyDumb struct{ handle uint32 }
	kmsDirty       struct {
		fb, flags, color, clips uint32
		clip                    uint64 // pointer
	}
)

const (
	kmsConnected = 1
	kmsPreferred = 1 << 3 // a mode that the screen likes best
)

// request numbers: direction and size above, the letter d, the number.
func kmsRead(nr, size uintptr) uintptr { return 3<<30 | size<<16 | 'd'<<8 | nr }

var (
	kmsGetResources = kmsRead(0xa0, unsafe.Sizeof(kmsResources{}))
	kmsSetCRTC      = kmsRead(0xa2, unsafe.Sizeof(kmsCRTC{}))
	kmsGetEncoder   = kmsRead(0xa6, unsafe.Sizeof(kmsEncoder{}))
	kmsGetConnector = kmsRead(0xa7, unsafe.Sizeof(kmsConnector{}))
	kmsAddFB        = kmsRead(0xae, unsafe.Sizeof(kmsFB{}))
	kmsRemoveFB     = kmsRead(0xaf, 4)
	kmsDirtyFB      = kmsRead(0xb1, unsafe.Sizeof(kmsDirty{}))
	kmsCreate       = kmsRead(0xb2, unsafe.Sizeof(kmsCreateDumb{}))
	kmsMap          = kmsRead(0xb3, unsafe.Sizeof(kmsMapDumb{}))
	kmsDestroy      = kmsRead(0xb4, unsafe.Sizeof(kmsDestroyDumb{}))
)

// control is one ioctl, repeated where a signal came between.
func control(fd int, request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, no := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		switch no {
		case 0:
			return nil
		case syscall.EINTR, syscall.EAGAIN:
			continue
		}
		return no
	}
}

// kmsIDs asks which outputs and which pipes to them a card has.
func kmsIDs(fd int) (connectors, crtcs []uint32, err error) {
	var n kmsResources
	if err := control(fd, kmsGetResources, unsafe.Pointer(&n)); err != nil {
		return nil, nil, err
	}
	if n.countConnectors == 0 || n.countCRTCs == 0 {
		return nil, nil, errors.New("the card has no output")
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	connectors, crtcs = make([]uint32, n.countConnectors), make([]uint32, n.countCRTCs)
	r := kmsResources{countConnectors: n.countConnectors, countCRTCs: n.countCRTCs,
		connectors: address(&pin, &connectors[0]), crtcs: address(&pin, &crtcs[0])}
	if err := control(fd, kmsGetResources, unsafe.Pointer(&r)); err != nil {
		return nil, nil, err
	}
	return connectors[:min(len(connectors), int(r.countConnectors))], crtcs[:min(len(crtcs), int(r.countCRTCs))], nil
}

// address gives the kernel a pointer into memory that stays where it is.
func address[T any](pin *runtime.Pinner, p *T) uint64 {
	pin.Pin(p)
	return uint64(uintptr(unsafe.Pointer(p)))
}

// kmsLook asks an output what is plugged in. The kernel reads the screen's own
// description for that, which may take a moment.
func kmsLook(fd int, id uint32) (c kmsConnector, modes []kmsMode, encoders []uint32, err error) {
	n := kmsConnector{id: id}
	if err := control(fd, kmsGetConnector, unsafe.Pointer(&n)); err != nil {
		return c, nil, nil, err
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	modes, encoders = make([]kmsMode, n.countModes+1), make([]uint32, n.countEncoders+1)
	c = kmsConnector{id: id, countModes: n.countModes, countEncoders: n.countEncoders,
		modes: address(&pin, &modes[0]), encoders: address(&pin, &encoders[0])}
	if err := control(fd, kmsGetConnector, unsafe.Pointer(&c)); err != nil {
		return c, nil, nil, err
	}
	return c, modes[:min(n.countModes, c.countModes)], encoders[:min(n.countEncoders, c.countEncoders)], nil
}

// kmsPipe finds a pipe that can feed an output: the one that does already,
// else any that could.
func kmsPipe(fd int, c kmsConnector, encoders, crtcs []uint32) (uint32, error) {
	if c.encoder != 0 {
		encoders = append([]uint32{c.encoder}, encoders...)
	}
	var possible uint32
	for _, id := range encoders {
		e := kmsEncoder{id: id}
		if err := control(fd, kmsGetEncoder, unsafe.Pointer(&e)); err != nil {
			return 0, err
		}
		if id == c.encoder && e.crtc != 0 {
			return e.crtc, nil
		}
		possible |= e.possibleCRTCs
	}
	for i, id := range crtcs {
		if possible&(1<<i) != 0 {
			return id, nil
		}
	}
	return 0, errors.New("nothing can feed the output")
}

const most = 1920 // pixels a side: a picture needs no more, and memory is short

// bestMode takes what the screen likes best, unless that is needlessly large.
func bestMode(modes []kmsMode) (kmsMode, bool) {
	rank := func(m kmsMode) int {
		r := int(m.width) * int(m.height)
		if m.width > most || m.height > most {
			return -r
		}
		if m.kind&kmsPreferred != 0 {
			r += 1 << 30
		}
		return r
	}
	if len(modes) == 0 {
		return kmsMode{}, false
	}
	best := modes[0] // the kernel's own order decides between equals
	for _, m := range modes[1:] {
		if rank(m) > rank(best) {
			best = m
		}
	}
	return best, best.width > 0 && best.height > 0
}

// kmsKinds are the kernel's names of outputs, in its order.
var kmsKinds = strings.Fields("Unknown VGA DVI-I DVI-D DVI-A Composite SVIDEO LVDS Component DIN DP HDMI-A HDMI-B TV eDP Virtual DSI DPI Writeback SPI USB")

// outputName is what /sys calls an output, such as HDMI-A-1.
func (c kmsConnector) outputName() string {
	kind := "Unknown"
	if int(c.kind) < len(kmsKinds) {
		kind = kmsKinds[c.kind]
	}
	return fmt.Sprintf("%s-%d", kind, c.number)
}

// perInch is how dense the pixels are, 0 where the screen does not say or
// says what cannot be.
func (c kmsConnector) perInch(m kmsMode) float64 {
	if c.widthMM < 20 || c.heightMM < 15 {
		return 0
	}
	d := float64(m.width) / (float64(c.widthMM) / 25.4)
	if d < 40 || d > 500 {
		return 0
	}
	return d
}
