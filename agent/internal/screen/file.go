package screen

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"strings"
)

// fileSurface is a PNG that always holds what a screen would show.
type fileSurface struct {
	path string
	at   image.Point
}

// fileTarget reads PATH or PATH,800x480.
func fileTarget(s string) (path string, size image.Point, err error) {
	path, geometry, ok := strings.Cut(s, ",")
	size = image.Pt(800, 480)
	if ok {
		if _, err := fmt.Sscanf(geometry, "%dx%d", &size.X, &size.Y); err != nil || size.X < 16 || size.Y < 16 || size.X > 8192 || size.Y > 8192 {
			return "", size, fmt.Errorf("screen: %q is no size such as 800x480", geometry)
		}
	}
	if path == "" {
		return "", size, fmt.Errorf("screen: file: needs a path")
	}
	return path, size, nil
}

func (f *fileSurface) name() string      { return "file" }
func (f *fileSurface) size() image.Point { return f.at }
func (f *fileSurface) dpi() float64      { return 0 }
func (f *fileSurface) light(light) error { return nil }
func (f *fileSurface) plugged(bool) bool { return true }

// Close has nothing to give back.
func (f *fileSurface) Close() error { return nil }

func (f *fileSurface) paint(img *image.RGBA) error {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("draw into file: %w", err)
	}
	// Renamed, so that whoever looks sees a whole picture.
	part := f.path + ".part"
	if err := os.WriteFile(part, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("draw into file: %w", err)
	}
	if err := os.Rename(part, f.path); err != nil {
		return fmt.Errorf("draw into file: %w", err)
	}
	return nil
}
