package media

import (
	"context"
	"errors"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeTool stands in for rpicam-still. FAKE says how it fails, PHOTO what it
// photographs, ARGS where it notes how it was called.
const fakeTool = `#!/bin/sh
echo "$*" >> "$ARGS"
case "$1" in --list-cameras)
	case "$FAKE" in
	none) echo 'No cameras available!' ;;
	many) echo 'Available cameras'; echo '-----------------'
		echo '0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)'
		i=0; while [ $i -lt 90 ]; do echo "    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]"; i=$((i+1)); done ;;
	*) printf 'Available cameras\n-----------------\n0 : imx219 [3280x2464] (/base/soc/i2c0mux/i2c@1/imx219@10)\n' ;;
	esac
	exit 0 ;;
esac
while [ $# -gt 1 ]; do
	[ "$1" = --width ] && width=$2
	[ "$1" = -o ] && out=$2
	shift
done
case "$FAKE" in
none) echo 'ERROR: *** no cameras available ***' >&2; exit 255 ;;
busy) echo 'Pipeline handler in use by another process' >&2; echo 'ERROR: *** failed to acquire camera ***' >&2; exit 255 ;;
memory) [ "$width" -gt 1000 ] && { echo 'ERROR: *** failed to allocate capture buffers ***' >&2; exit 255; } ;;
garbage) echo 'not a picture' > "$out"; exit 0 ;;
nothing) exit 0 ;;
hang) sleep 60 & echo $! > "$PIDS"; wait ;;
esac
cp "$PHOTO" "$out"
`

// tool puts the fake under a name into the search path, and nothing else but
// what it needs itself. It gives back where the fake notes its calls.
func tool(t *testing.T, name, how string) (args string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(fakeTool), 0o700); err != nil {
		t.Fatal(err)
	}
	photo := write(t, "photo.jpg", turned(t, corner(400, 200), 6))
	args = filepath.Join(dir, "args")
	for k, v := range map[string]string{"PATH": dir + ":/bin:/usr/bin", "FAKE": how, "PHOTO": photo, "ARGS": args, "PIDS": filepath.Join(dir, "pids"), "TMPDIR": dir} {
		t.Setenv(k, v)
	}
	return args
}

func leftovers(t *testing.T) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "illumi-photo-*")); err != nil || len(left) != 0 {
		t.Errorf("photos left behind: %v, %v", left, err)
	}
}

func TestPiCamera_Photographs(t *testing.T) {
	for _, name := range cameraTools {
		args := tool(t, name, "many")
		l := &lamp{}
		cam, found, err := PickCamera(t.Context(), CameraOptions{Live: NewLive(Pace{1000}, l.set), Root: t.TempDir()})
		if err != nil || found != "imx708" || !cam.Present() {
			t.Fatalf("%s: %q, %v", name, found, err)
		}
		to := tempFile(t, "o.jpg")
		p, err := cam.Photograph(t.Context(), to, nil)
		if err != nil || p.Width != 200 || p.Height != 400 || p.Dark {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		if !slices.Equal(l.log, []string{"on", "off"}) {
			t.Errorf("%s: the light went %v", name, l.log)
		}
		b, err := os.ReadFile(args)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[1], "-n -t 1500 --width 1640 --height 1232 -q 88 --thumb none --autofocus-on-capture -o ") {
			t.Errorf("%s was called with %q", name, lines)
		}
		leftovers(t)
	}
}

func TestPiCamera_Rotated(t *testing.T) {
	tool(t, "rpicam-still", "")
	cam, _, err := PickCamera(t.Context(), CameraOptions{Live: dark(), Want: "pi", Rotate: 90})
	if err != nil {
		t.Fatal(err)
	}
	to := tempFile(t, "o.jpg")
	if p, err := cam.Photograph(t.Context(), to, nil); err != nil || p.Width != 400 || p.Height != 200 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, _, err := PickCamera(t.Context(), CameraOptions{Live: dark(), Rotate: 45}); err == nil {
		t.Error("45 degrees were accepted")
	}
}

func TestPiCamera_SmallerWhereMemoryIsShort(t *testing.T) {
	args := tool(t, "rpicam-still", "memory")
	cam := &PiCamera{Live: dark()}
	if _, err := cam.Photograph(t.Context(), tempFile(t, "o.jpg"), nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(args)
	if err != nil || strings.Count(string(b), "\n") != 2 || !strings.Contains(string(b), "--width 820 --height 616") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestPiCamera_Failures(t *testing.T) {
	for how, want := range map[string]string{
		"none":    "No Pi camera was found.",
		"busy":    "Another program is using the camera.",
		"garbage": "The camera gave no picture.",
		"nothing": "The camera gave no picture.",
		"hang":    "The camera gave no picture in time.",
	} {
		tool(t, "rpicam-still", how)
		l := &lamp{}
		cam := &PiCamera{Live: NewLive(Pace{1000}, l.set)}
		if how == "hang" {
			cam.patience = 50 * time.Millisecond
		}
		to := tempFile(t, "o.jpg")
		_, err := cam.Photograph(t.Context(), to, nil)
		var f *Fault
		if !errors.As(err, &f) || f.Code != CodeCamera || f.Text != want || f.Next == "" {
			t.Errorf("%s: %v", how, err)
		}
		if st, err := to.Stat(); err != nil || st.Size() != 0 {
			t.Errorf("%s: something was written: %v", how, err)
		}
		if !slices.Equal(l.log, []string{"on", "off"}) {
			t.Errorf("%s: the light went %v", how, l.log)
		}
		if how == "none" && cam.Present() {
			t.Error("a camera that is gone is said to be there")
		}
		leftovers(t)
	}
}

func TestPiCamera_None(t *testing.T) {
	tool(t, "rpicam-still", "none")
	cam, _, err := PickCamera(t.Context(), CameraOptions{Live: dark(), Root: t.TempDir()})
	var f *Fault
	if !errors.As(err, &f) || cam == nil || cam.Present() {
		t.Errorf("without any camera: %v, %v", cam, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := PickCamera(t.Context(), CameraOptions{Live: dark(), Want: "pi"}); !errors.As(err, &f) || !strings.Contains(f.Text, "installed") {
		t.Errorf("without a program: %v", err)
	}
	if cam, _, err := PickCamera(t.Context(), CameraOptions{Want: "none"}); cam != nil || err != nil {
		t.Errorf("none wanted: %v, %v", cam, err)
	}
	if _, _, err := PickCamera(t.Context(), CameraOptions{Want: "/dev/video0"}); !errors.As(err, &f) {
		t.Errorf("a number was accepted: %v", err)
	}
}

// Whatever the program started ends with it, as a leftover would keep the
// camera for ever.
func TestPiCamera_KilledWithItsChildren(t *testing.T) {
	tool(t, "rpicam-still", "hang")
	l := &lamp{}
	cam := &PiCamera{Live: NewLive(Pace{1000}, l.set)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	to := tempFile(t, "o")
	go func() {
		_, err := cam.Photograph(ctx, to, nil)
		done <- err
	}()
	pid := 0
	for pid == 0 {
		if b, err := os.ReadFile(os.Getenv("PIDS")); err == nil && strings.HasSuffix(string(b), "\n") {
			if pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
				t.Fatal(err)
			}
		}
		if t.Context().Err() != nil {
			t.Fatal("the fake never started")
		}
	}
	if !l.lit() {
		t.Error("the camera works in the dark")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for alive(pid) { // the kernel takes a moment to end what was killed
		if t.Context().Err() != nil {
			t.Fatal("what the program started lives on")
		}
	}
	if l.lit() {
		t.Error("the light stayed on")
	}
}

// alive is false for a process that only waits to be counted.
func alive(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestPhotoIsStripped(t *testing.T) {
	tool(t, "rpicam-still", "")
	to := tempFile(t, "o.jpg")
	if _, err := (&PiCamera{Live: dark()}).Photograph(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to.Name())
	if err != nil || strings.Contains(string(b), "Exif") {
		t.Errorf("the photo says more than it shows: %v", err)
	}
	if _, err := jpeg.DecodeConfig(strings.NewReader(string(b))); err != nil {
		t.Error(err)
	}
}
