package media

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/blackjack/webcam"
)

// frameBuffers is how many frames the kernel holds for us.
const frameBuffers = 4

// v4l2 is a device of Video4Linux, seen through blackjack/webcam 0.6.1. Some
// of its habits are met here: it reports the size that was asked for instead
// of the one that was set, so only offered sizes are asked for; frames are
// the kernel's memory, so they are copied; an empty frame comes without error.
type v4l2 struct{ cam *webcam.Webcam }

func openVideo(path string) (video, error) {
	cam, err := webcam.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open camera: %w", err)
	}
	return v4l2{cam}, nil
}

func (v v4l2) Modes() []videoMode {
	var out []videoMode
	for f := range v.cam.GetSupportedFormats() {
		sizes := v.cam.GetSupportedFrameSizes(f)
		for _, s := range sizes {
			out = append(out, offered(uint32(f), s))
		}
		if len(sizes) == 0 { // a driver that takes what it is asked for
			out = append(out, videoMode{uint32(f), 640, 480})
		}
	}
	// Formats come from a map: the same camera is to give the same photo.
	slices.SortFunc(out, func(a, b videoMode) int {
		return bytes.Compare(fmt.Appendf(nil, "%08x %06d %06d", a.format, a.width, a.height), fmt.Appendf(nil, "%08x %06d %06d", b.format, b.width, b.height))
	})
	return out
}

// offered gives one size of a format; of a range the largest that is wanted.
func offered(f uint32, s webcam.FrameSize) videoMode {
	m := videoMode{f, int(s.MaxWidth), int(s.MaxHeight)}
	if s.StepWidth == 0 || s.StepHeight == 0 {
		if s.MaxWidth == 0 { // a range without steps comes as zeros
			m.width, m.height = 640, 480
		}
		return m
	}
	within := func(want, least, most, step uint32) int {
		want = min(max(want, least), most)
		return int(least + (want-least)/step*step)
	}
	m.width = within(1280, s.MinWidth, s.MaxWidth, s.StepWidth)
	m.height = within(960, s.MinHeight, s.MaxHeight, s.StepHeight)
	return m
}

func (v v4l2) Start(m videoMode) error {
	got, _, _, err := v.cam.SetImageFormat(webcam.PixelFormat(m.format), uint32(m.width), uint32(m.height))
	if err != nil {
		return fmt.Errorf("set up camera: %w", err)
	}
	if uint32(got) != m.format {
		return fmt.Errorf("set up camera: it gives format %#x", uint32(got))
	}
	if err := v.cam.SetBufferCount(frameBuffers); err != nil {
		return fmt.Errorf("set up camera: %w", err)
	}
	if err := v.cam.StartStreaming(); err != nil {
		return errors.Join(fmt.Errorf("start camera: %w", err), numbered(err), v.unmap())
	}
	return nil
}

// numbered finds the error number that StartStreaming made a text of.
func numbered(err error) error {
	for _, no := range []syscall.Errno{syscall.EBUSY, syscall.ENOSPC, syscall.ENODEV} {
		if strings.HasSuffix(err.Error(), no.Error()) {
			return no
		}
	}
	return nil
}

// unmap gives back what StartStreaming mapped before it failed, such as for
// want of room on the USB. The mappings would keep the camera open for ever,
// and the library has no door to them.
func (v v4l2) unmap() error {
	buffers := reflect.ValueOf(v.cam).Elem().FieldByName("buffers")
	for i := range buffers.Len() {
		b := buffers.Index(i)
		if b.Cap() == 0 {
			continue
		}
		if _, _, no := syscall.Syscall(syscall.SYS_MUNMAP, b.Pointer(), uintptr(b.Cap()), 0); no != 0 {
			return fmt.Errorf("unmap camera: %w", no)
		}
	}
	return nil
}

func (v v4l2) Frame() ([]byte, error) {
	err := v.cam.WaitForFrame(1)
	var late *webcam.Timeout
	if errors.As(err, &late) {
		return nil, errNoFrame
	}
	if err != nil {
		return nil, fmt.Errorf("wait for frame: %w", err)
	}
	frame, index, err := v.cam.GetFrame()
	if errors.Is(err, syscall.EAGAIN) {
		return nil, errNoFrame
	}
	if err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	own := bytes.Clone(frame)
	if err := v.cam.ReleaseFrame(index); err != nil {
		return nil, fmt.Errorf("give frame back: %w", err)
	}
	if len(own) == 0 {
		return nil, errNoFrame
	}
	return own, nil
}

func (v v4l2) Close() error {
	if err := v.cam.Close(); err != nil {
		return fmt.Errorf("close camera: %w", err)
	}
	return nil
}
