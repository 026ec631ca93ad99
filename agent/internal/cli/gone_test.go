package cli

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"illumi/agent/internal/config"
	"illumi/agent/internal/screen"
)

// A part that box.yaml names is missed at once, one that was only found once it
// is gone again, and one that never was there never.
func TestGone(t *testing.T) {
	there := map[string]bool{}
	part := func(name string, wanted bool) shows {
		return shows{name, wanted, func() bool { return there[name] }}
	}
	look := gone(part("screen", false), part("printer", true))
	for _, step := range []struct {
		screen, printer bool
		gone            string
	}{
		{false, false, "printer"}, {false, true, ""}, {true, true, ""}, {false, true, "screen"}, {false, false, "screen, printer"}, {true, true, ""},
	} {
		there["screen"], there["printer"] = step.screen, step.printer
		if got := look(); got != step.gone {
			t.Errorf("%+v: %q is gone", step, got)
		}
	}
}

func TestGone_OfABox(t *testing.T) {
	for name, c := range map[string]struct {
		config config.Hardware
		gone   string
	}{
		"nothing said": {config.Hardware{}, ""},
		"looked for":   {config.Hardware{Screen: "auto"}, ""},
		"none wanted":  {config.Hardware{Screen: "none"}, ""},
		"named":        {config.Hardware{Screen: "drm:HDMI-A-1"}, "screen"},
		"both":         {config.Hardware{Screen: "fb", Printer: "/dev/usb/lp0"}, "screen, printer"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir() // a machine without any part
			log := slog.New(slog.DiscardHandler)
			s, err := screen.Open(screen.Options{Root: root, Backend: c.config.Screen, Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			f, err := openFrame(s, c.config.Printer, log)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}()
			if c.config.Printer != "" {
				if _, err := os.Stat(filepath.Clean(c.config.Printer)); err == nil {
					t.Skip("this machine has a printer")
				}
			}
			h := &hardware{config: c.config, screen: s, display: f}
			if got := h.gone()(); got != c.gone {
				t.Errorf("%q is gone, not %q", got, c.gone)
			}
		})
	}
}
