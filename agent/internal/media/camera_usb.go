package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	byID = "/dev/v4l/by-id/"
	// widestPhoto is the widest frame worth asking for (hardware.md 3).
	widestPhoto = 1640
	// A camera has found its exposure after so many frames, or so much time
	// where frames come slowly.
	settleFrames = 15
	settleTime   = 2 * time.Second
	// badFrames is how many damaged frames in a row are forgiven.
	badFrames = 10
)

// USBCamera photographs by Video4Linux, without another program.
type USBCamera struct {
	Live *Live
	// Root is put before /dev and /sys; "" is the machine.
	Root string
	// Name picks a device: a path below /dev/v4l/by-id, or a part of the
	// device's name. "" is any USB camera. Never a number, as numbers change.
	Name string

	turn int
	open func(path string) (video, error) // nil is openVideo
}

// video is an open capture device.
type video interface {
	Modes() []videoMode
	Start(videoMode) error
	// Frame gives the next frame, which is the caller's. It waits for at most
	// a second and then gives errNoFrame.
	Frame() ([]byte, error)
	Close() error
}

var errNoFrame = errors.New("no frame within a second")

// videoNode is a capture device as /sys shows it.
type videoNode struct {
	path         string // below Root
	name, stable string // its own name and that in /dev/v4l/by-id, or ""
}

// Find gives the name of the camera that is there now.
func (c *USBCamera) Find() (string, error) {
	n, err := c.find()
	if err != nil {
		return "", err
	}
	if n.stable != "" {
		return n.stable, nil
	}
	return n.name, nil
}

// Present looks whether the camera is plugged in.
func (c *USBCamera) Present() bool {
	_, err := c.find()
	return err == nil
}

func (c *USBCamera) find() (videoNode, error) {
	nodes, err := c.nodes()
	if err != nil {
		return videoNode{}, fmt.Errorf("find camera: %w", err)
	}
	if len(nodes) == 0 {
		text := "No USB camera was found."
		if c.Name != "" {
			text = "The USB camera " + c.Name + " was not found."
		}
		return videoNode{}, &Fault{Code: CodeCamera, Text: text, Next: "Check its plug, or try another socket."}
	}
	return nodes[0], nil
}

// nodes gives the devices that c may use, in the order of their names.
func (c *USBCamera) nodes() ([]videoNode, error) {
	class := filepath.Join(c.Root, "/sys/class/video4linux")
	entries, err := os.ReadDir(class)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // no camera was ever there
		return nil, err
	}
	stable, err := c.stableNames()
	if err != nil {
		return nil, err
	}
	var out []videoNode
	for _, e := range entries {
		dir := filepath.Join(class, e.Name())
		// A camera's second node carries metadata only.
		if index := oneLine(filepath.Join(dir, "index")); index != "0" || !strings.HasPrefix(e.Name(), "video") {
			continue
		}
		n := videoNode{path: filepath.Join(c.Root, "/dev", e.Name()), name: oneLine(filepath.Join(dir, "name")), stable: stable[e.Name()]}
		driver, err := os.Readlink(filepath.Join(dir, "device", "driver"))
		usb := err == nil && filepath.Base(driver) == "uvcvideo"
		if c.wants(n, usb) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b videoNode) int {
		return strings.Compare(a.stable+a.name+a.path, b.stable+b.name+b.path)
	})
	return out, nil
}

func (c *USBCamera) wants(n videoNode, usb bool) bool {
	if c.Name == "" {
		return usb
	}
	if link, ok := strings.CutPrefix(c.Name, byID); ok {
		return n.stable == link
	}
	want := strings.ToLower(c.Name)
	return strings.Contains(strings.ToLower(n.name), want) || strings.Contains(strings.ToLower(n.stable), want)
}

// stableNames maps videoN to its name in /dev/v4l/by-id.
func (c *USBCamera) stableNames() (map[string]string, error) {
	dir := filepath.Join(c.Root, byID)
	links, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	out := map[string]string{}
	for _, l := range links {
		if to, err := os.Readlink(filepath.Join(dir, l.Name())); err == nil {
			out[filepath.Base(to)] = l.Name()
		}
	}
	return out, nil
}

// oneLine is a small file of /sys without its line end; "" when there is none.
func oneLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Photograph opens the device under the red light, lets it find its exposure
// during the countdown, and takes the first good frame after it.
func (c *USBCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	return photographBy(ctx, c.Live, to, shoot, c.start)
}

func (c *USBCamera) start() (shutter, error) {
	node, err := c.find()
	if err != nil {
		return shutter{}, err
	}
	open := c.open
	if open == nil {
		open = openVideo
	}
	v, err := open(node.path)
	if err != nil {
		return shutter{}, c.explain(err)
	}
	mode, err := chooseMode(v.Modes())
	if err == nil {
		err = v.Start(mode)
	}
	if err != nil {
		return shutter{}, c.explain(errors.Join(err, v.Close()))
	}
	return shutter{close: v.Close, take: func(ctx context.Context) (image.Image, error) {
		img, err := settledFrame(ctx, v, mode)
		if err != nil {
			return nil, c.explain(err)
		}
		return rotated(img, c.turn), nil
	}}, nil
}

// settledFrame passes over the frames that were made before the moment or while
// the camera looked for its exposure, and gives the first good one after them.
func settledFrame(ctx context.Context, v video, m videoMode) (image.Image, error) {
	limit, cancel := context.WithTimeout(ctx, photoPatience)
	defer cancel()
	began, seen := time.Now(), 0
	var bad []error
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if limit.Err() != nil {
			return nil, errors.Join(append(bad, errCamHung)...)
		}
		frame, err := v.Frame()
		if errors.Is(err, errNoFrame) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if seen++; seen <= settleFrames && time.Since(began) < settleTime {
			continue
		}
		img, err := m.decode(frame)
		if err == nil {
			return img, nil
		}
		if bad = append(bad, err); len(bad) >= badFrames {
			return nil, errors.Join(bad...)
		}
	}
}

func (c *USBCamera) explain(err error) error {
	f := &Fault{Code: CodeCamera, Text: "The USB camera gave no picture.", Next: "Pull its plug and put it back, or try another socket.", Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.EBUSY):
		f.Text, f.Next = "Another program is using the camera.", "Stop that program."
	case errors.Is(err, syscall.ENOSPC):
		f.Text, f.Next = "Too much shares the USB with the camera.", "Plug the camera into another socket, without a hub."
	case errors.Is(err, syscall.EACCES):
		f.Text, f.Next = "The box may not open the camera.", "Add the agent's user to the group video."
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENOENT):
		f.Text, f.Next = "The USB camera was unplugged.", "Plug it in again."
	case errors.Is(err, errCamHung):
		f.Text = "The USB camera gave no picture in time."
	}
	return f
}

// Formats of frames, as Video4Linux writes them.
const (
	formatMJPEG = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24
	formatJPEG  = 'J' | 'P'<<8 | 'E'<<16 | 'G'<<24
	formatYUYV  = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24
)

type videoMode struct {
	format        uint32
	width, height int
}

var errNoMode = errors.New("the camera has no format that the box knows (MJPEG or YUYV)")

// chooseMode takes the widest frame of at most 1640 pixels, else the smallest.
// Motion JPEG goes first, because USB 2 carries large YUYV frames too slowly.
func chooseMode(modes []videoMode) (videoMode, error) {
	rank := func(m videoMode) int {
		r := min(m.width, widestPhoto)*8000 + min(m.height, 7999)
		if m.width > widestPhoto {
			r = -m.width
		}
		if m.format != formatYUYV && m.width <= widestPhoto && m.width >= 640 {
			r += 1 << 30
		}
		return r
	}
	var known []videoMode
	for _, m := range modes {
		if m.format == formatMJPEG || m.format == formatJPEG || m.format == formatYUYV {
			known = append(known, m)
		}
	}
	if len(known) == 0 {
		return videoMode{}, errNoMode
	}
	return slices.MaxFunc(known, func(a, b videoMode) int { return rank(a) - rank(b) }), nil
}

// decode makes a picture of a frame.
func (m videoMode) decode(frame []byte) (image.Image, error) {
	if m.format == formatYUYV {
		return yuyv(frame, m.width, m.height)
	}
	whole, err := wholeJPEG(frame)
	if err != nil {
		return nil, err
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(whole))
	if err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	if c.Width*c.Height > maxPicturePixels {
		return nil, errNoJPEG
	}
	img, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return img, nil
}

// yuyv reads packed 4:2:2. Lines may be longer than the picture is wide.
func yuyv(frame []byte, w, h int) (image.Image, error) {
	if w < 2 || h < 1 || w%2 != 0 || len(frame) < 2*w*h {
		return nil, fmt.Errorf("a frame of %d bytes is not %d×%d in YUYV", len(frame), w, h)
	}
	stride := len(frame) / h
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio422)
	for y := range h {
		line := frame[y*stride:]
		for x := 0; x < w; x += 2 {
			img.Y[y*img.YStride+x], img.Y[y*img.YStride+x+1] = line[2*x], line[2*x+2]
			img.Cb[y*img.CStride+x/2], img.Cr[y*img.CStride+x/2] = line[2*x+1], line[2*x+3]
		}
	}
	return img, nil
}
