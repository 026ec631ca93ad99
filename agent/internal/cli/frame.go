package cli

import (
	"errors"
	"log/slog"
	"sync"

	"illumi/agent/internal/printer"
	"illumi/agent/internal/screen"
)

// frame is where a whisper's picture is seen: on the screen each time, and once
// on paper.
type frame struct {
	*screen.Screen
	printer *printer.Printer // nil: there is none
	log     *slog.Logger

	mu      sync.Mutex
	printed string
}

func openFrame(s *screen.Screen, target string, log *slog.Logger) (*frame, error) {
	f := &frame{Screen: s, log: log}
	if target == "" || target == "none" {
		return f, nil
	}
	var err error
	if f.printer, err = printer.Open(printer.Options{Target: target, Logger: log}); err != nil {
		return nil, usage("box.yaml: %s.", err)
	}
	return f, nil
}

// Show shows a picture, and prints it where it was not printed last.
func (f *frame) Show(path, words string) error {
	err := f.Screen.Show(path, words)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.printer != nil && path != "" && path != f.printed {
		f.printed = path
		err = errors.Join(err, f.printer.Print(path, words))
	}
	return err
}

// Close darkens the screen; what is being printed comes to its end or is given up.
func (f *frame) Close() error {
	err := f.Screen.Close()
	if f.printer != nil {
		err = errors.Join(err, f.printer.Close())
	}
	return err
}
