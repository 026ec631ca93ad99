package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// withoutDHT is a frame as most USB cameras send it.
func withoutDHT(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	at := bytes.Index(whole, []byte{0xff, markDHT})
	n := 2 + int(whole[at+2])<<8 + int(whole[at+3])
	return append(bytes.Clone(whole[:at]), whole[at+n:]...)
}

func TestWholeJPEG(t *testing.T) {
	frame := withoutDHT(t, corner(320, 240))
	if _, err := jpeg.Decode(bytes.NewReader(frame)); err == nil {
		t.Fatal("the frame needs no tables, so nothing is tested")
	}
	whole, err := wholeJPEG(frame)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, b, _ := img.At(20, 20).RGBA(); r < 0xe000 || b > 0x2000 {
		t.Errorf("top left is %v", img.At(20, 20))
	}
	again, err := wholeJPEG(whole)
	if err != nil || !bytes.Equal(again, whole) {
		t.Error("tables were added twice")
	}
	for name, bad := range map[string][]byte{"empty": nil, "text": []byte("hello, this is no picture"), "cut": frame[:20], "lengths": {0xff, markSOI, 0xff, 0xe0, 0, 0, 1, 2}, "start only": {0xff, markSOI, 0xff, 0xff, 0xff, 0xff}} {
		if _, err := wholeJPEG(bad); err == nil {
			t.Errorf("%s was taken for a JPEG", name)
		}
	}
}

func TestYUYV(t *testing.T) {
	// Two lines of four pixels, each line two bytes longer than needed.
	frame := []byte{
		10, 128, 20, 128, 30, 90, 40, 240, 0, 0,
		50, 128, 60, 128, 70, 128, 80, 128, 0, 0,
	}
	img, err := yuyv(frame, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y int
		want color.YCbCr
	}{{0, 0, color.YCbCr{10, 128, 128}}, {1, 0, color.YCbCr{20, 128, 128}}, {2, 0, color.YCbCr{30, 90, 240}}, {3, 0, color.YCbCr{40, 90, 240}}, {3, 1, color.YCbCr{80, 128, 128}}} {
		if got := img.At(c.x, c.y); got != c.want {
			t.Errorf("%d,%d is %v, not %v", c.x, c.y, got, c.want)
		}
	}
	for _, bad := range []struct{ w, h, n int }{{4, 2, 15}, {3, 2, 40}, {0, 0, 0}} {
		if _, err := yuyv(make([]byte, bad.n), bad.w, bad.h); err == nil {
			t.Errorf("%+v was read", bad)
		}
	}
}

func TestChooseMode(t *testing.T) {
	const other = 'H' | '2'<<8 | '6'<<16 | '4'<<24
	for _, c := range []struct {
		name  string
		modes []videoMode
		want  videoMode
	}{
		{"the widest Motion JPEG that is not too wide", []videoMode{{formatYUYV, 1280, 720}, {formatMJPEG, 640, 480}, {formatMJPEG, 1920, 1080}, {formatMJPEG, 1280, 720}, {formatMJPEG, 1280, 960}, {other, 1600, 1200}}, videoMode{formatMJPEG, 1280, 960}},
		{"YUYV where there is nothing else", []videoMode{{formatYUYV, 320, 240}, {formatYUYV, 640, 480}, {formatYUYV, 2592, 1944}}, videoMode{formatYUYV, 640, 480}},
		{"a usable YUYV before a tiny Motion JPEG", []videoMode{{formatYUYV, 640, 480}, {formatMJPEG, 160, 120}}, videoMode{formatYUYV, 640, 480}},
		{"the smallest of what is too wide", []videoMode{{formatMJPEG, 3840, 2160}, {formatMJPEG, 1920, 1080}}, videoMode{formatMJPEG, 1920, 1080}},
	} {
		if got, err := chooseMode(c.modes); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if _, err := chooseMode([]videoMode{{other, 640, 480}}); !errors.Is(err, errNoMode) {
		t.Errorf("H.264: %v", err)
	}
}

// bench is a folder that stands in for the machine's /dev and /sys.
type bench struct {
	t    *testing.T
	root string
}

func (b bench) put(path, text string) {
	b.t.Helper()
	path = filepath.Join(b.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) link(path, to string) {
	b.t.Helper()
	path = filepath.Join(b.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) remove(path string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.root, path)); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) node(video, name, driver, index, stable string) {
	dir := "/sys/class/video4linux/" + video
	b.put(dir+"/name", name+"\n")
	b.put(dir+"/index", index+"\n")
	if driver != "" {
		b.put("/sys/bus/"+driver+"/uevent", "")
		b.link(dir+"/device/driver", filepath.Join(b.root, "/sys/bus/", driver))
	}
	b.put("/dev/"+video, "") // last, as the kernel does
	if stable != "" {
		b.link(byID+stable, "../../"+video)
	}
}

func TestUSBCamera_Find(t *testing.T) {
	b := bench{t, t.TempDir()}
	cam := func(name string) *USBCamera { return &USBCamera{Root: b.root, Name: name, Live: dark()} }
	if _, err := cam("").Find(); err == nil {
		t.Error("a camera was found on a machine without any")
	}
	b.node("video0", "bcm2835-codec-decode", "bcm2835-codec", "0", "")
	b.node("video3", "HD Webcam", "uvcvideo", "1", "usb-ACME_HD_Webcam_77-video-index1")
	b.node("video2", "HD Webcam", "uvcvideo", "0", "usb-ACME_HD_Webcam_77-video-index0")
	b.node("video9", "Dummy video device (0x0000)", "", "0", "")
	for name, want := range map[string]string{"": "usb-ACME_HD_Webcam_77-video-index0", "acme": "usb-ACME_HD_Webcam_77-video-index0", "dummy": "Dummy video device (0x0000)", byID + "usb-ACME_HD_Webcam_77-video-index0": "usb-ACME_HD_Webcam_77-video-index0"} {
		if got, err := cam(name).Find(); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"other", byID + "usb-ACME_HD_Webcam_77-video-index1"} {
		if _, err := cam(name).Find(); err == nil {
			t.Errorf("%q was found", name)
		}
	}
}

// A camera that comes back with another number is the same camera.
func TestUSBCamera_PluggedInAgain(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	b := bench{t, t.TempDir()}
	cam, _, err := PickCamera(t.Context(), CameraOptions{Root: b.root, Live: dark()})
	if err == nil || cam.Present() {
		t.Fatal("there is none yet")
	}
	b.node("video0", "HD Webcam", "uvcvideo", "0", "")
	if !cam.Present() {
		t.Error("the camera was not noticed")
	}
	b.remove("/sys/class/video4linux/video0")
	if cam.Present() {
		t.Error("the camera is gone")
	}
	b.node("video4", "HD Webcam", "uvcvideo", "0", "")
	if n, err := (&USBCamera{Root: b.root}).find(); err != nil || n.path != filepath.Join(b.root, "/dev/video4") {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestWatchPresence_SeesACameraComeAndGo(t *testing.T) {
	b := bench{t, t.TempDir()}
	dev := filepath.Join(b.root, "dev")
	if err := os.MkdirAll(dev, 0o755); err != nil {
		t.Fatal(err)
	}
	cam := &USBCamera{Root: b.root}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changes, done := make(chan bool, 1), make(chan error, 1)
	go func() { done <- WatchPresence(ctx, b.root, cam, true, func(p bool) { changes <- p }) }()
	next := func(want bool) {
		t.Helper()
		select {
		case p := <-changes:
			if p != want {
				t.Errorf("there is a camera: %v, want %v", p, want)
			}
		case <-ctx.Done():
			t.Fatal("nothing was noticed")
		}
	}
	next(false) // not as was believed
	b.node("video0", "HD Webcam", "uvcvideo", "0", "")
	next(true)
	for _, gone := range []string{"/sys/class/video4linux/video0", "/dev/video0"} {
		if err := os.RemoveAll(b.root + gone); err != nil {
			t.Fatal(err)
		}
	}
	next(false)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// film is a capture device made of frames.
type film struct {
	lamp   *lamp
	frames [][]byte // the last repeats
	at     int
	fails  map[int]error // at frame n
	start  error
}

func (f *film) Modes() []videoMode    { return []videoMode{{formatMJPEG, 640, 480}} }
func (f *film) Start(videoMode) error { f.lamp.note("start"); return f.start }
func (f *film) Close() error          { f.lamp.note("close"); return nil }
func (f *film) Frame() ([]byte, error) {
	f.at++
	if err := f.fails[f.at]; err != nil {
		return nil, err
	}
	return f.frames[min(f.at, len(f.frames))-1], nil
}

func filmed(t *testing.T, f *film) (*USBCamera, *lamp) {
	b := bench{t, t.TempDir()}
	b.node("video0", "HD Webcam", "uvcvideo", "0", "")
	f.lamp = &lamp{}
	return &USBCamera{Root: b.root, Live: NewLive(Pace{1000}, f.lamp.set), turn: 1, open: func(string) (video, error) {
		f.lamp.note("open")
		return f, nil
	}}, f.lamp
}

func TestUSBCamera_WaitsForExposureAndForgivesDamage(t *testing.T) {
	black, good := withoutDHT(t, image.NewGray(image.Rect(0, 0, 64, 48))), withoutDHT(t, corner(640, 480))
	f := &film{fails: map[int]error{3: errNoFrame}}
	for range settleFrames {
		f.frames = append(f.frames, black)
	}
	f.frames = append(f.frames, black[:100], nil, good[:50], good)
	cam, l := filmed(t, f)
	p, err := cam.Photograph(t.Context(), tempFile(t, "o"), nil)
	if err != nil || p.Width != 640 || p.Dark {
		t.Errorf("%+v, %v", p, err)
	}
	if !slices.Equal(l.log, []string{"on", "open", "start", "close", "off"}) {
		t.Errorf("the light went %v", l.log)
	}
}

func TestUSBCamera_Failures(t *testing.T) {
	good := withoutDHT(t, corner(64, 48))
	for want, f := range map[string]*film{
		"The USB camera was unplugged.":        {frames: [][]byte{good}, fails: map[int]error{5: syscall.ENODEV}},
		"The USB camera gave no picture.":      {frames: [][]byte{good[:40]}},
		"Another program is using the camera.": {start: syscall.EBUSY},
	} {
		cam, l := filmed(t, f)
		_, err := cam.Photograph(t.Context(), tempFile(t, "o"), nil)
		var fault *Fault
		if !errors.As(err, &fault) || fault.Code != CodeCamera || fault.Text != want || fault.Next == "" {
			t.Errorf("%s: %v", want, err)
		}
		if n := len(l.log); n < 2 || l.log[n-2] != "close" || l.log[n-1] != "off" {
			t.Errorf("%s: the light went %v", want, l.log)
		}
	}
}

func TestUSBCamera_NoFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &film{fails: map[int]error{}}
		cam, l := filmed(t, f)
		cam.open = func(string) (video, error) { return slow{f}, nil }
		_, err := cam.Photograph(t.Context(), tempFile(t, "o"), nil)
		var fault *Fault
		if !errors.As(err, &fault) || fault.Text != "The USB camera gave no picture in time." {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := cam.Photograph(ctx, tempFile(t, "o"), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if l.lit() {
			t.Error("the light stayed on")
		}
	})
}

// slow never has a frame.
type slow struct{ *film }

func (s slow) Frame() ([]byte, error) {
	<-time.After(time.Second)
	return nil, errNoFrame
}
