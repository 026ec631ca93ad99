package spool

import (
	"bytes"
	"errors"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
)

// On a full card there may be no room to say why. Left where it is, the take
// would be erased with the next answer.
func TestSetTakeAside_WithoutRoomForTheReason(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), Fault: func(op Op, name string) error {
		if op == OpCreate && strings.HasPrefix(name, asideDir) {
			return syscall.ENOSPC
		}
		return nil
	}})
	record(t, s, 1, 1, sound(1, 100), nil)
	takes, err := s.Takes()
	must(t, err)
	d, err := s.SetTakeAside(takes[0], "no sound", false)
	if !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	must(t, s.EraseTakes(takes[0].Hop))
	got, err := os.ReadFile(path.Join(s.o.Dir, asideDir, d.ID, "1.wav"))
	if err != nil || !bytes.Equal(got, sound(1, 100)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if list, err := s.DamagedTakes(); err != nil || len(list) != 1 || list[0].Reason != "unknown" {
		t.Errorf("%+v, %v", list, err)
	}
}
