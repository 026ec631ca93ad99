package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"illumi/protocol"
)

// lived fills a spool of the first device with one of everything: a whisper, a
// take, an answer that is unsent, one that is sent, and what the program notes.
func lived(t *testing.T, s *Spool) {
	t.Helper()
	voice := sound(1, 500)
	if b, err := s.Own(id(901)); err != nil || b.Anew {
		t.Fatalf("the first device: %+v %v", b, err)
	}
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
}

// seen is every name of the directory that is not the program's own frame.
func seen(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if rel, relErr := filepath.Rel(dir, name); relErr == nil && !e.IsDir() && rel != "lock" && rel != "journal/owner.json" {
			names = append(names, rel)
		}
		return err
	}))
	return strings.Join(names, "\n")
}

// anotherHome is a card that becomes another device's: with every cut either the
// new device has nothing of the old one, or it is not yet the owner, and the
// unsent answer is whole in one place.
func anotherHome() scenario {
	return scenario{"another home", lived,
		func(s *Spool) error { _, err := s.Own(id(902), "clips"); return err },
		func(t *testing.T, s *Spool, done bool) {
			var is owner
			found, err := s.Load(ownerKey, &is)
			must(t, err)
			if !found || is.Device != id(902) && (done || is.Device != id(901)) {
				t.Fatalf("the owner is %+v, done %v", is, done)
			}
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
			if is.Device != id(902) {
				return
			}
			for _, name := range strings.Split(seen(t, s.o.Dir), "\n") {
				if !strings.HasPrefix(name, beforeDir) {
					t.Errorf("of the old device: %s", name)
				}
			}
		}}
}

func TestOwn_TheSameDeviceKeepsAll(t *testing.T) {
	s := open(t, Options{})
	lived(t, s)
	before := seen(t, s.o.Dir)
	b, err := s.Own(id(901))
	if err != nil || b.Anew || seen(t, s.o.Dir) != before {
		t.Errorf("%+v %v\n%s", b, err, seen(t, s.o.Dir))
	}
	if n, _, err := Unsent(s.o.Dir); err != nil || n != 1 {
		t.Errorf("%d unsent, %v", n, err)
	}
}

// A directory of a program that did not note its owner is taken as it is.
func TestOwn_AnOlderProgramsDirectory(t *testing.T) {
	s := open(t, Options{})
	lived(t, s)
	must(t, s.Delete(ownerKey))
	before := seen(t, s.o.Dir)
	if b, err := s.Own(id(902)); err != nil || b.Anew || seen(t, s.o.Dir) != before {
		t.Errorf("%+v %v", b, err)
	}
}

// What two boxes of one card never sent is kept of both, and what was damaged too.
func TestOwn_AThirdHome(t *testing.T) {
	s := open(t, Options{})
	lived(t, s)
	b, err := s.Own(id(902))
	if err != nil || !b.Anew || b.Aside != 1 {
		t.Errorf("%+v %v", b, err)
	}
	record(t, s, 5, 1, sound(1, 500), nil)
	it, err := s.Seal(draft(s, 5, 1, false))
	must(t, err)
	_, err = s.Quarantine(it, "a test")
	must(t, err)
	b, err = s.Own(id(901))
	if err != nil || !b.Anew || b.Aside != 1 {
		t.Errorf("%+v %v", b, err)
	}
	kept, err := os.ReadDir(s.abs(beforeDir))
	if err != nil || len(kept) != 2 {
		t.Errorf("kept %v %v", kept, err)
	}
	if n, _, err := Unsent(s.o.Dir); err != nil || n != 0 {
		t.Errorf("%d unsent, %v", n, err)
	}
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
