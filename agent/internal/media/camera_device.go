package media

import (
	"context"
	"image"
	"os"
	"strings"
	"time"
)

// Camera is a camera of a real box.
type Camera interface {
	// Photograph opens the camera under the red light, writes a photo into the
	// file to once shoot is closed (nil: at once) and closes it. It returns
	// promptly when ctx ends. What prevents a photo is a Fault with CodeCamera.
	Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error)
	// Present says whether the camera is there, without opening it.
	Present() bool
}

// photoPatience bounds one attempt at a photo (hardware.md 3).
const photoPatience = 15 * time.Second

// CameraOptions say which camera a box has.
type CameraOptions struct {
	Live *Live
	// Root is put before /dev and /sys, so that a folder can stand in for the
	// machine; "" is the machine.
	Root string
	// Want is "auto" (or ""): a Pi camera, else a USB camera; "pi"; "usb";
	// "usb:NAME" for a device whose name holds NAME; a path below
	// /dev/v4l/by-id; or "none".
	Want string
	// Rotate turns the picture clockwise by 0, 90, 180 or 270 degrees, for a
	// camera that is built in on its side or head.
	Rotate int
	// Program replaces rpicam-still.
	Program Program
}

// PickCamera finds the camera that o asks for, and its name for people. A
// camera that is not there now is a Fault; the camera given back beside it is
// found once it is plugged in. For "none" the camera is nil.
func PickCamera(ctx context.Context, o CameraOptions) (Camera, string, error) {
	turn, err := cameraTurn(o.Rotate)
	if err != nil {
		return nil, "", err
	}
	pi := &PiCamera{Live: o.Live, Program: o.Program, turn: turn}
	usb := &USBCamera{Live: o.Live, Root: o.Root, turn: turn}
	switch {
	case o.Want == "none":
		return nil, "", nil
	case o.Want == "pi":
		name, err := pi.Find(ctx)
		return pi, name, err
	case o.Want == "usb":
		name, err := usb.Find()
		return usb, name, err
	case strings.HasPrefix(o.Want, "usb:"), strings.HasPrefix(o.Want, byID):
		usb.Name = strings.TrimPrefix(o.Want, "usb:")
		name, err := usb.Find()
		return usb, name, err
	case o.Want == "", o.Want == "auto":
		both := &eitherCamera{pi: pi, usb: usb}
		if name, err := pi.Find(ctx); err == nil {
			return both, name, nil
		}
		name, err := usb.Find()
		return both, name, err
	}
	return nil, "", &Fault{Code: CodeCamera, Text: "The setting camera names no camera: " + o.Want + ".",
		Next: "Write auto, pi, usb, usb:NAME, a path below /dev/v4l/by-id, or none. Numbers change between starts."}
}

// eitherCamera is the Pi camera where there is one, else whichever USB camera
// is plugged in at the moment.
type eitherCamera struct {
	pi  *PiCamera
	usb *USBCamera
}

func (c *eitherCamera) Present() bool { return c.pi.Present() || c.usb.Present() }

func (c *eitherCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	if c.pi.Present() {
		return c.pi.Photograph(ctx, to, shoot)
	}
	return c.usb.Photograph(ctx, to, shoot)
}

// cameraTurn gives EXIF's word for a camera that has to be turned.
func cameraTurn(degrees int) (int, error) {
	switch degrees {
	case 0:
		return 1, nil
	case 90:
		return 6, nil
	case 180:
		return 3, nil
	case 270:
		return 8, nil
	}
	return 0, &Fault{Code: CodeCamera, Text: "A camera can be turned by 0, 90, 180 or 270 degrees only.",
		Next: "Correct the setting camera_rotate."}
}

// rotated turns a camera's picture; turn is as upright has it.
func rotated(img image.Image, turn int) image.Image {
	if turn <= 1 {
		return img
	}
	return upright(shrink(img, photoSide), turn)
}
