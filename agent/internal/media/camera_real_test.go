package media

import (
	"os"
	"path/filepath"
	"testing"
)

// With ILLUMI_TEST_CAMERA set to a value of the setting camera, a photo is
// taken with this machine's camera; ILLUMI_TEST_PHOTO says where it goes. With
// ILLUMI_TEST_CAMERA_FAILS the first photo is to fail and to spoil nothing for
// the second, as when vivid's inject_vidioc_streamon_error was pressed.
func TestRealCamera(t *testing.T) {
	want := os.Getenv("ILLUMI_TEST_CAMERA")
	if want == "" {
		t.Skip("ILLUMI_TEST_CAMERA is not set")
	}
	l := &lamp{}
	cam, name, err := PickCamera(t.Context(), CameraOptions{Want: want, Live: NewLive(Pace{}, l.set)})
	if err != nil || !cam.Present() {
		t.Fatal(name, err)
	}
	path := os.Getenv("ILLUMI_TEST_PHOTO")
	if path == "" {
		path = filepath.Join(t.TempDir(), "photo.jpg")
	}
	fails := os.Getenv("ILLUMI_TEST_CAMERA_FAILS") != ""
	for i := range 2 { // the second shows that the first let go of the device
		to, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := cam.Photograph(t.Context(), to, nil)
		to.Close()
		if (err != nil) != (fails && i == 0) {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, %v", name, p, err)
		if l.lit() {
			t.Error("the light stayed on")
		}
	}
}
