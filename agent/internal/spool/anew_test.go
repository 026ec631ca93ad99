package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
)

// lived fills a spool with one of everything: a whisper, a
// take, an answer that is unsent, one that is sent, and what the program notes.
func lived(t *testing.T, s *Spool) {
	t.Helper()
	voice := sound(1, 500)
	_, err := s.Reserve(offer(1, 1, describe(protocol.RoleAudio, voice)))
	must(t, err)
	must(t, s.SaveCursor("server-1", "7"))
	for n := 1; n <= 3; n++ {
		record(t, s, n, 1, voice, voice)
	}
	for n := 2; n <= 3; n++ {
		_, err = s.Seal(draft(s, n, 1, false))
		must(t, err)
	}
	for _, it := range items(t, s) {
		if it.Hop == id(3) {
			must(t, s.Sent(it.ID, receipt(it)))
		}
	}
	_, err = s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(1), Epoch: 1, At: noon})
	must(t, err)
	_, err = s.Report(protocol.Report{ID: id(1), Code: protocol.ReportWiped, At: noon})
	must(t, err)
	must(t, s.Save("flow", "ENDED"))
	must(t, os.MkdirAll(s.abs("clips/own"), 0o700))
	must(t, os.WriteFile(s.abs("clips/own/new.wav"), voice, 0o600))
	must(t, os.WriteFile(s.abs("status.json"), nil, 0o600))
}

// seen is every name of the directory that is not the program's own frame.
func seen(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if rel, relErr := filepath.Rel(dir, name); relErr == nil && !e.IsDir() && rel != "lock" && !strings.HasPrefix(rel, anewPrefix) {
			names = append(names, rel)
		}
		return err
	}))
	return strings.Join(names, "\n")
}

// anotherHome is a card that becomes another device's: with every cut either the
// old box's things are all gone or the next start goes on erasing, and the unsent
// answer is whole in one place.
func anotherHome() scenario {
	return scenario{"another home", func(t *testing.T, s *Spool) {
		lived(t, s)
		must(t, MarkAnew(s.o.Dir, id(902)))
	},
		func(s *Spool) error { _, _, err := s.BeginAnew(id(902), "clips", "status.json"); return err },
		func(t *testing.T, s *Spool, done bool) {
			list, err := fs.Glob(s.disk.root.FS(), "outbox*/*/"+manifestName)
			must(t, err)
			if len(list) != 1 {
				t.Fatalf("the unsent answer is in %v", list)
			}
			it, err := s.readManifest(filepath.Dir(list[0]))
			must(t, err)
			for _, f := range it.Files {
				sameFile(t, s.abs(filepath.Dir(list[0])+"/"+f.Name), sound(1, 500))
			}
			if s.disk.exists(anewPrefix + id(902)) {
				if done {
					t.Error("the next start would erase again")
				}
				return
			}
			for _, name := range strings.Split(seen(t, s.o.Dir), "\n") {
				if !strings.HasPrefix(name, beforeDir) {
					t.Errorf("of the old device: %s", name)
				}
			}
		}}
}

// A mark for a device that was never written down as the box's does nothing.
func TestBeginAnew_OnlyForWhoWasEnrolled(t *testing.T) {
	s := open(t, Options{})
	lived(t, s)
	before := seen(t, s.o.Dir)
	for range 2 {
		if begun, _, err := s.BeginAnew(id(901)); err != nil || begun || seen(t, s.o.Dir) != before {
			t.Errorf("%v %v\n%s", begun, err, seen(t, s.o.Dir))
		}
		must(t, MarkAnew(s.o.Dir, id(902)))
	}
	if n, _, err := Unsent(s.o.Dir); err != nil || n != 1 {
		t.Errorf("%d unsent, %v", n, err)
	}
}

// A reply that the server lost is unsent from the moment on at which its receipt
// is gone, wherever a failing card left it.
func TestUnsent_OnItsWayBack(t *testing.T) {
	for name, act := range map[string]func(s *Spool) error{
		"the study's end": (*Spool).Wipe,
		"another home": func(s *Spool) error {
			_, _, err := s.BeginAnew(id(902))
			return errors.Join(err, os.Remove(s.abs("outbox")), os.Rename(s.abs(beforeDir), s.abs("outbox")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := false
			s := open(t, Options{Fault: func(op Op, name string) error {
				if bad && op == OpRename && strings.Contains(name, " outbox/") {
					return syscall.EIO
				}
				return nil
			}})
			record(t, s, 1, 1, sound(1, 500), nil)
			it, err := s.Seal(draft(s, 1, 1, false))
			must(t, err)
			must(t, s.Sent(it.ID, receipt(it)))
			bad = true
			if _, _, _, err := s.SendAgain(id(1), 1, time.Now().Add(time.Hour)); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			if n, _, err := Unsent(s.o.Dir); err != nil || n != 1 {
				t.Errorf("%d unsent, %v", n, err)
			}
			bad = false
			must(t, MarkAnew(s.o.Dir, id(902)))
			must(t, act(s))
			if got, _, err := s.Items(); err != nil || len(got) != 1 || got[0].ID != it.ID {
				t.Errorf("left %+v %v", got, err)
			}
		})
	}
}

// What two boxes of one card never sent is kept of both, and what was damaged too.
func TestBeginAnew_AThirdHome(t *testing.T) {
	s := open(t, Options{})
	lived(t, s)
	for n, device := range []string{id(902), id(903)} {
		must(t, MarkAnew(s.o.Dir, device))
		begun, aside, err := s.BeginAnew(device)
		if err != nil || !begun || aside != n+1 {
			t.Errorf("%v %d %v", begun, aside, err)
		}
		record(t, s, 5, 1, sound(1, 500), nil)
		it, err := s.Seal(draft(s, 5, 1, false))
		must(t, err)
		_, err = s.Quarantine(it, "a test")
		must(t, err)
	}
	if n, _, err := Unsent(s.o.Dir); err != nil || n != 0 {
		t.Errorf("%d unsent, %v", n, err)
	}
}

// A block of an old card that cannot be freed keeps no box from starting.
func TestBeginAnew_ABadBlock(t *testing.T) {
	dir, bad := t.TempDir(), false
	o := Options{Dir: dir, Fault: func(op Op, name string) error {
		if bad && op == OpRemove && strings.HasPrefix(name, "takes/") {
			return syscall.EIO
		}
		return nil
	}}
	s := open(t, o)
	lived(t, s)
	must(t, MarkAnew(dir, id(902)))
	bad = true
	begun, _, err := s.BeginAnew(id(902))
	if takes, terr := s.Takes(); err != nil || !begun || terr != nil || len(takes) != 0 {
		t.Errorf("%v %v; %v %v", begun, err, takes, terr)
	}
	must(t, s.Close())
	s, err = Open(o)
	must(t, err)
	must(t, s.Close())
}

func TestUnsent_NoDirectory(t *testing.T) {
	dir := t.TempDir()
	n, before, err := Unsent(filepath.Join(dir, "none"))
	if err != nil || n != 0 || before == "" {
		t.Errorf("%d %q %v", n, before, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "outbox"), nil, 0o600))
	if _, _, err := Unsent(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in its place: %v", err)
	}
}
