package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"illumi/scripts/e2e/world"
)

// result is the folder of --out. It is put together under a name of its own
// and comes to its place whole, whisper.json last, or not at all.
type result struct {
	dir   string // where it shall be; empty: nowhere, it is only checked
	stage string
}

// newResult makes the folder where things are put together, and refuses a
// place that cannot take the result before anything is started.
func newResult(out, scratch string) (*result, error) {
	if out == "" {
		stage := filepath.Join(scratch, "result")
		return &result{stage: stage}, os.MkdirAll(filepath.Join(stage, "media"), 0o755) //nolint:gosec // temporary, in a private folder
	}
	dir, err := filepath.Abs(out)
	if err != nil {
		return nil, fmt.Errorf("--out %s cannot be used: %w", out, err)
	}
	if err := clear(dir); err != nil {
		return nil, err
	}
	// Inside a folder that exists: it may be a disk of its own, and the one
	// around it may not be ours to write in.
	place, name := dir, ".partial-"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		place, name = filepath.Dir(dir), "."+filepath.Base(dir)+".partial-"
		if err := os.MkdirAll(place, 0o755); err != nil { //nolint:gosec // a folder of the person's own
			return nil, fmt.Errorf("--out %s cannot be made: %w", out, err)
		}
	}
	stage, err := os.MkdirTemp(place, name)
	if err != nil {
		return nil, fmt.Errorf("--out %s cannot be written: %w", out, err)
	}
	return &result{dir: dir, stage: stage}, os.Mkdir(filepath.Join(stage, "media"), 0o755) //nolint:gosec // a result for people to open
}

// clear removes the result of an earlier run, so that a run which fails leaves
// none, and refuses a folder whose media/ is somebody else's.
func clear(dir string) error {
	st, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--out %s cannot be used: %w", dir, err)
	}
	if !st.IsDir() {
		return fmt.Errorf("--out %s is a file. Name a folder", dir)
	}
	old, err := os.ReadFile(filepath.Join(dir, "whisper.json"))
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range []string{"media", "mail.eml"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return fmt.Errorf("--out %s has a %s that no demo left there. Name another folder", dir, name)
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("--out %s cannot be read: %w", dir, err)
	}
	earlier, err := world.ParseWhisper(old)
	if err != nil {
		return fmt.Errorf("--out %s has a whisper.json that no demo left there. Name another folder", dir)
	}
	// Only what it names; whatever else lies in media/ is somebody's. The record
	// goes last: while it is there, the rest can be found again.
	list := []string{"mail.eml"}
	for _, f := range earlier.Files() {
		if filepath.Base(f.Name) != f.Name {
			return fmt.Errorf("--out %s has a whisper.json that no demo left there. Name another folder", dir)
		}
		list = append(list, filepath.Join("media", f.Name))
	}
	for _, name := range append(list, "whisper.json") {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the result of an earlier run cannot be removed: %w", err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "media")); err == nil && len(left) == 0 {
		err = os.Remove(filepath.Join(dir, "media"))
		if err != nil {
			return fmt.Errorf("the result of an earlier run cannot be removed: %w", err)
		}
	}
	return nil
}

// drop removes what was put together and not kept.
func (r *result) drop() error { return os.RemoveAll(r.stage) }

// gather fetches the record, every file and the mail, and checks them all.
func (r *result) gather(ctx context.Context, w *world.World, me *world.Researcher, id string) (world.Whisper, error) {
	record, raw, err := me.Whisper(ctx, id)
	if err != nil {
		return record, err
	}
	media := filepath.Join(r.stage, "media")
	for _, f := range record.Files() {
		if err := me.Save(ctx, id, f, filepath.Join(media, f.Name)); err != nil {
			return record, err
		}
	}
	mail, err := findMail(ctx, w, id)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.stage, "mail.eml"), mail, 0o644) //nolint:gosec // a result for people to open
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(r.stage, "whisper.json"), raw, 0o644) //nolint:gosec // as above
	}
	if err != nil {
		return record, err
	}
	if err := errors.Join(record.Check(), record.CheckFiles(media)); err != nil {
		return record, fmt.Errorf("the whisper is complete, but not right:\n%w", err)
	}
	return record, nil
}

// findMail waits for the mail that says the whisper is complete.
func findMail(ctx context.Context, w *world.World, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		mails, err := w.Mails()
		if err != nil {
			return nil, err
		}
		for _, m := range mails {
			if strings.Contains(strings.ReplaceAll(string(m), "=\r\n", ""), id) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("the mail that says the whisper is complete was not written within 30 seconds")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// keep puts the result into its place.
func (r *result) keep() error {
	if r.dir == "" {
		return nil
	}
	if err := os.Chmod(r.stage, 0o755); err != nil { //nolint:gosec // a result for people to open
		return fmt.Errorf("put the result into %s: %w", r.dir, err)
	}
	if _, err := os.Lstat(r.dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(r.stage, r.dir); err != nil {
			return fmt.Errorf("put the result into %s: %w", r.dir, err)
		}
		return nil
	}
	names, err := r.names()
	if err != nil {
		return fmt.Errorf("put the result into %s: %w", r.dir, err)
	}
	if err := os.MkdirAll(filepath.Join(r.dir, "media"), 0o755); err != nil { //nolint:gosec // as above
		return fmt.Errorf("put the result into %s: %w", r.dir, err)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(r.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s has a file %s that no demo left there. Name another folder", r.dir, name)
		}
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(r.stage, name), filepath.Join(r.dir, name)); err != nil {
			return fmt.Errorf("put the result into %s: %w", r.dir, err)
		}
	}
	return nil
}

// names lists the files of the result, whisper.json last.
func (r *result) names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(r.stage, "media"))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		list = append(list, filepath.Join("media", e.Name()))
	}
	return append(list, "mail.eml", "whisper.json"), nil
}
