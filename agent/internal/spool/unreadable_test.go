package spool

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A directory where a file should be is read like a bad block: with an error
// that is neither "absent" nor "not the JSON it should be".
func unread(t *testing.T, name string) {
	t.Helper()
	must(t, os.RemoveAll(name))
	must(t, os.MkdirAll(name, 0o700))
}

func TestOpen_OneUnreadableFileKeepsNothingElseFromWorking(t *testing.T) {
	for _, what := range []string{
		"outbox/FIRST/manifest.json", "outbox/FIRST/audio.wav", "outbox/FIRST/uploads.json", "sent/SENT/manifest.json", "sent/SENT/receipt.json",
		"journal/flow.json", "journal/reports.unsent", "inbox/LAST/offer.json", "inbox/LAST/ready.json", "progress/LAST.json", "takes/LAST/1.made.json",
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			var sealed [3]Item
			for n := 1; n <= 3; n++ {
				record(t, s, n, 1, sound(n, 100), nil)
				it, err := s.Seal(draft(s, n, 1, false))
				must(t, err)
				sealed[n-1] = it
			}
			must(t, s.Sent(sealed[1].ID, receipt(sealed[1])))
			must(t, s.Save("flow", 1))
			_, err := s.Reserve(offer(4, 1, describe("audio", sound(4, 50))))
			must(t, err)
			record(t, s, 4, 1, sound(4, 100), nil)
			must(t, s.Close())

			unread(t, filepath.Join(dir, strings.NewReplacer("FIRST", sealed[0].ID, "SENT", sealed[1].ID, "LAST", id(4)).Replace(what)))
			s = open(t, Options{Dir: dir})
			list, _, err := s.Items()
			must(t, err)
			if !slices.ContainsFunc(list, func(it Item) bool { return it.ID == sealed[2].ID }) {
				t.Errorf("the other reply is not to be sent: %+v", list)
			}
			if i := slices.IndexFunc(list, func(it Item) bool { return it.ID == sealed[0].ID }); i >= 0 {
				if err := s.Verify(list[i]); err != nil {
					_, err = s.Quarantine(list[i], "unreadable")
					must(t, err)
				}
			}
			var n int
			if _, err := s.Load("flow", &n); err != nil {
				_, err = s.Load("flow", &n) // it was set aside
				must(t, err)
			}
			_, err = s.SentItems()
			must(t, err)
			_, err = s.Inbox()
			must(t, err)
			takes, err := s.Takes()
			must(t, err)
			if len(takes) != 4 {
				t.Errorf("%d takes of 4", len(takes))
			}
			_, err = s.Pending()
			must(t, err)
			must(t, s.Expire(noon))
			must(t, s.Answers())
		})
	}
}

func TestOpen_ForeignFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	record(t, s, 1, 1, sound(1, 100), nil)
	it, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	must(t, s.Close())
	for _, name := range []string{"outbox/" + id(7), "sent/" + id(7), "takes/" + id(7), "inbox/" + id(7), "outbox/lost+found", "notes.txt", "takes/" + id(1) + "/.directory"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("not ours"), 0o600))
	}
	s = open(t, Options{Dir: dir})
	list, _, err := s.Items()
	if err != nil || len(list) != 1 || list[0].ID != it.ID {
		t.Errorf("%+v, %v", list, err)
	}
	for _, look := range []func() error{
		func() error { _, err := s.SentItems(); return err },
		func() error { _, err := s.Takes(); return err },
		func() error { _, err := s.Inbox(); return err },
		func() error { _, err := s.DamagedItems(); return err },
	} {
		must(t, look())
	}
}

// What a check recorded is nobody's to keep, also where the power was cut in
// the middle of it.
func TestOpen_TrialRecordingsAreErased(t *testing.T) {
	dir := t.TempDir()
	trial := filepath.Join(dir, ".trial-123")
	must(t, os.MkdirAll(trial, 0o700))
	must(t, os.WriteFile(filepath.Join(trial, "selftest.wav"), []byte("a voice"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "agent.yaml"), []byte("name: x"), 0o600))
	open(t, Options{Dir: dir})
	if _, err := os.Stat(trial); err == nil {
		t.Error("somebody's voice stays on the card")
	}
	if _, err := os.Stat(filepath.Join(dir, "agent.yaml")); err != nil {
		t.Error(err)
	}
}

func TestUnreadable(t *testing.T) {
	for err, is := range map[error]bool{syscall.EIO: true, syscall.EUCLEAN: true, syscall.ENOSPC: false, fs.ErrNotExist: false, syscall.EACCES: false} {
		if unreadable(&fs.PathError{Op: "read", Path: "x", Err: err}) != is {
			t.Errorf("%v", err)
		}
	}
	if unreadable(nil) {
		t.Error("nil")
	}
}
