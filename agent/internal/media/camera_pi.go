package media

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// cameraTools are the programs for a Pi camera, the present name first. The
// older one went in June 2025 (hardware.md 3).
var cameraTools = []string{"rpicam-still", "libcamera-still"}

// photoSizes are tried one after the other: a board with 512 MB may have no
// memory for the first (hardware.md 11, row 8).
var photoSizes = []image.Point{{1640, 1232}, {820, 616}}

// PiCamera is a camera on the ribbon cable. It photographs by rpicam-still, or
// by libcamera-still as it was called before.
type PiCamera struct {
	Live *Live
	// Program, if it has a path, is used instead of those two.
	Program Program

	turn     int
	patience time.Duration // shorter in tests

	mu     sync.Mutex
	tool   Program
	sensor string // "" while none is known
}

// Find asks the camera program which camera there is and keeps the answer, as
// asking takes a second or more. It gives the sensor's name.
func (c *PiCamera) Find(ctx context.Context) (string, error) {
	tool, err := c.program()
	if err != nil {
		return "", err
	}
	var out listing
	child, err := startChild(tool, filepath.Base(tool.Path), nil, &out, "--list-cameras")
	if err != nil {
		return "", c.fault(err, "The Pi camera's program cannot be started.", "Install the package rpicam-apps-lite again.")
	}
	limit, cancel := context.WithTimeout(ctx, c.wait())
	defer cancel()
	err = child.wait(limit)
	// The programs complain about much and end with 0 whether there is a camera
	// or not, so only the list counts.
	sensor := out.sensor()
	c.mu.Lock()
	c.tool, c.sensor = tool, sensor
	c.mu.Unlock()
	if sensor == "" {
		return "", c.fault(err, "No Pi camera was found.", "Check both ends of the ribbon cable with the power off, then start the box again.")
	}
	return sensor, nil
}

// Present tells what Find or the last photo found; it does not look itself.
func (c *PiCamera) Present() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sensor != ""
}

// Photograph runs the camera program once shoot is closed. It is killed after
// 15 seconds, and tried once more with a smaller picture.
func (c *PiCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	return photograph(ctx, c.Live, to, shoot, c.take)
}

func (c *PiCamera) take(ctx context.Context) (image.Image, error) {
	c.mu.Lock()
	tool, sensor := c.tool, c.sensor
	c.mu.Unlock()
	if tool.Path == "" {
		var err error
		if tool, err = c.program(); err != nil {
			return nil, err
		}
	}
	var errs []error
	for _, size := range photoSizes {
		img, err := c.attempt(ctx, tool, sensor, size)
		if err == nil {
			return rotated(img, c.turn), nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, errNoSensor) {
			c.mu.Lock()
			c.sensor = ""
			c.mu.Unlock()
			break
		}
	}
	return nil, c.explain(errors.Join(errs...))
}

var (
	errNoSensor = errors.New("no camera")
	errCamBusy  = errors.New("camera in use")
	errCamHung  = errors.New("no end")
)

// attempt takes one picture. The file lives only as long as that takes.
func (c *PiCamera) attempt(ctx context.Context, tool Program, sensor string, size image.Point) (img image.Image, err error) {
	dir, err := os.MkdirTemp("", "illumi-photo-")
	if err != nil {
		return nil, fmt.Errorf("photograph: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Not to standard output: the first libcamera-still wrote a file named "-".
	file := filepath.Join(dir, "photo.jpg")
	args := []string{"-n", "-t", "1500", "--width", strconv.Itoa(size.X), "--height", strconv.Itoa(size.Y), "-q", "88", "--thumb", "none"}
	if strings.HasPrefix(sensor, "imx708") { // Camera Module 3, the one with a lens that moves
		args = append(args, "--autofocus-on-capture")
	}
	child, err := startChild(tool, filepath.Base(tool.Path), nil, nil, append(args, "-o", file)...)
	if err != nil {
		return nil, err
	}
	limit, cancel := context.WithTimeoutCause(ctx, c.wait(), errCamHung)
	defer cancel()
	if err := child.wait(limit); err != nil {
		if ctx.Err() == nil && limit.Err() != nil {
			err = errors.Join(errCamHung, err)
		}
		return nil, errors.Join(child.cameraTrouble(), err)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, errors.Join(child.cameraTrouble(), fmt.Errorf("photograph: %w", err))
	}
	defer f.Close()
	return decodePicture(f)
}

func (c *PiCamera) explain(err error) error {
	switch {
	case errors.Is(err, errNoSensor):
		return c.fault(err, "No Pi camera was found.", "Check both ends of the ribbon cable with the power off, then start the box again.")
	case errors.Is(err, errCamBusy):
		return c.fault(err, "Another program is using the camera.", "Stop that program, or start the box again.")
	case errors.Is(err, errCamHung):
		return c.fault(err, "The camera gave no picture in time.", "Check the ribbon cable, then start the box again.")
	}
	return c.fault(err, "The camera gave no picture.", "Run rpicam-still by hand to see what it says.")
}

func (c *PiCamera) fault(err error, text, next string) error {
	return &Fault{Code: CodeCamera, Text: text, Next: next, Err: err}
}

func (c *PiCamera) wait() time.Duration {
	if c.patience > 0 {
		return c.patience
	}
	return photoPatience
}

func (c *PiCamera) program() (Program, error) {
	if c.Program.Path != "" {
		return c.Program, nil
	}
	for _, name := range cameraTools {
		if path, err := exec.LookPath(name); err == nil {
			return Program{Path: path, Env: c.Program.Env}, nil
		}
	}
	return Program{}, c.fault(nil, "No program for a Pi camera is installed.", "Install the package rpicam-apps-lite, or use a USB camera.")
}

// sensorLine is a line of the list, such as
// "0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)".
var sensorLine = regexp.MustCompile(`(?m)^\s*\d+ : (\S+) \[\d+x\d+`)

// listing is what --list-cameras printed, up to 64 kB.
type listing struct {
	mu sync.Mutex
	b  []byte
}

func (l *listing) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p[:min(len(p), 64<<10-len(l.b))]...)
	return len(p), nil
}

func (l *listing) sensor() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := sensorLine.FindSubmatch(l.b); m != nil {
		return string(m[1])
	}
	return ""
}

func (t *tail) holds(words ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := strings.ToLower(string(t.b))
	for _, w := range words {
		if strings.Contains(said, w) {
			return true
		}
	}
	return false
}

// cameraTrouble reads in a camera program's complaints what the matter is.
func (c *child) cameraTrouble() error {
	switch {
	case c.stderr.holds("no cameras available"):
		return errNoSensor
	case c.stderr.holds("in use by another process", "failed to acquire camera", "resource busy"):
		return errCamBusy
	}
	return nil
}
