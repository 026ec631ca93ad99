package screen

import (
	"log/slog"
	"os"
	"testing"
	"time"
)

// With ILLUMI_TEST_SCREEN set to a value of the setting screen, this machine's
// screen shows a portrait for ILLUMI_TEST_HOLD, so that it can be looked at,
// is dark for as long, asleep for as long, and lit again.
func TestRealScreen(t *testing.T) {
	backend := os.Getenv("ILLUMI_TEST_SCREEN")
	if backend == "" {
		t.Skip("ILLUMI_TEST_SCREEN is not set")
	}
	hold := time.Second
	if h := os.Getenv("ILLUMI_TEST_HOLD"); h != "" {
		var err error
		if hold, err = time.ParseDuration(h); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(Options{Backend: backend, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	step := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(hold)
		if !s.Present() {
			t.Fatalf("%s: no screen: %v", what, s.Problem())
		}
		t.Logf("%s on %s", what, s.Name())
	}
	step("portrait", s.Show(portrait(t), "The picture of this whisper"))
	step("dark", s.Blank())
	s.Night(true)
	step("asleep", s.Show(portrait(t), "Night"))
	s.Night(false)
	step("lit again", nil)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
