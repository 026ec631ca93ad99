// Package export writes a study as one ZIP file: tables for a spreadsheet, one
// study.json for programs, the media under stable names, and a list of digests
// that tells whether anything was damaged on the way. It streams: memory does
// not grow with the media, and only little with the number of whispers.
//
// The format is docs/export.md; a program reads it by study.json's schema.
package export

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Source is the study; *relay.Export is one.
type Source interface {
	Whispers(ctx context.Context) iter.Seq2[relay.View, error]
	Events(ctx context.Context, whisper string) iter.Seq2[model.Event, error]
}

// Head is what is known before the first whisper is read.
type Head struct {
	Wish     relay.ExportWish
	Project  model.Project
	At       time.Time
	Software string // the version that writes
}

// Opener opens stored bytes by digest.
type Opener func(digest string) (*os.File, error)

// Export is one run.
type writer struct {
	ctx    context.Context
	zip    *zip.Writer
	head   Head
	open   Opener
	sums   []sum
	people people
	chains names
	dir    string // of temporary files
	media  []medium
}

type sum struct{ name, digest string }

// medium is a stored file that is still to be copied.
type medium struct {
	name   string
	digest string
	size   int64
}

// Write writes the whole study to out. An error leaves out with half a file
// that no program takes for a whole one: the table of contents comes last.
// dir is where it may keep temporary files.
func Write(ctx context.Context, out io.Writer, head Head, src Source, open Opener, dir string) error {
	w := &writer{ctx: ctx, zip: zip.NewWriter(out), head: head, open: open, dir: dir, people: people{}, chains: names{}}
	events, err := w.spool()
	if err != nil {
		return err
	}
	study, err := w.spool()
	if err != nil {
		return errors.Join(err, events.drop())
	}
	err = w.write(src, events, study)
	return errors.Join(err, events.drop(), study.drop())
}

func (w *writer) write(src Source, events, study *spool) error {
	if err := w.text("README.txt", readme(w.head)); err != nil {
		return err
	}
	if err := w.tables(src, events, study); err != nil {
		return err
	}
	if err := w.entry("events.csv", zip.Deflate, events.copyTo); err != nil {
		return err
	}
	if err := w.entry("participants.csv", zip.Deflate, w.people.write); err != nil {
		return err
	}
	if err := w.entry("study.json", zip.Deflate, func(out io.Writer) error { return w.study(out, study) }); err != nil {
		return err
	}
	if err := w.text("study.schema.json", string(Schema)); err != nil {
		return err
	}
	for _, m := range w.media {
		if err := w.copy(m); err != nil {
			return err
		}
	}
	if err := w.entry("manifest-sha256.txt", zip.Deflate, func(out io.Writer) error {
		for _, s := range w.sums {
			if _, err := fmt.Fprintf(out, "%s  %s\n", s.digest, s.name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return w.zip.Close()
}

// tables writes turns.csv while it walks the whispers once, and keeps what
// stands in other files for later.
func (w *writer) tables(src Source, events, study *spool) error {
	history := newTable(events, eventColumns)
	return w.entry("turns.csv", zip.Deflate, func(out io.Writer) error {
		turns := newTable(out, turnColumns)
		for v, err := range src.Whispers(w.ctx) {
			if err != nil {
				return fmt.Errorf("export: read a whisper: %w", err)
			}
			chain := w.chains.name(v.Whisper)
			media := w.mediaOf(chain, v)
			w.people.count(v)
			for _, row := range turnRows(v, chain, media) {
				turns.write(row)
			}
			if err := w.history(src, history, &v, chain); err != nil {
				return err
			}
			if err := study.value(chainDocOf(v, chain, media)); err != nil {
				return err
			}
		}
		if err := w.history(src, history, nil, ""); err != nil {
			return err
		}
		return errors.Join(turns.flush(), history.flush())
	})
}

func (w *writer) history(src Source, t *table, v *relay.View, chain string) error {
	id := ""
	if v != nil {
		id = v.Whisper.ID
	}
	for e, err := range src.Events(w.ctx, id) {
		if err != nil {
			return fmt.Errorf("export: read the history: %w", err)
		}
		t.write(eventRow(e, v, chain))
	}
	return nil
}

// mediaOf names the files of a whisper that are taken along, by file id.
func (w *writer) mediaOf(chain string, v relay.View) map[string]string {
	out := map[string]string{}
	if !w.head.Wish.Media {
		return out
	}
	for _, f := range v.Files {
		if !w.head.Wish.Originals && f.Variant != plainVariant(f) {
			continue
		}
		name := path.Join("media", chain, mediaName(v, f))
		out[f.ID] = name
		w.media = append(w.media, medium{name, f.SHA256, f.Size})
	}
	return out
}

// entry writes one file of the ZIP and notes its digest.
func (w *writer) entry(name string, method uint16, fill func(io.Writer) error) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	out, err := w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: w.head.At.UTC()})
	if err != nil {
		return fmt.Errorf("export: begin %s: %w", name, err)
	}
	h := sha256.New()
	if err := fill(io.MultiWriter(out, h)); err != nil {
		return fmt.Errorf("export: write %s: %w", name, err)
	}
	w.note(name, h)
	return nil
}

func (w *writer) note(name string, h hash.Hash) {
	w.sums = append(w.sums, sum{name, hex.EncodeToString(h.Sum(nil))})
}

func (w *writer) text(name, content string) error {
	return w.entry(name, zip.Deflate, func(out io.Writer) error {
		_, err := io.WriteString(out, content)
		return err
	})
}

// copy puts stored bytes in as they are, and refuses those that are damaged.
func (w *writer) copy(m medium) error {
	f, err := w.open(m.digest)
	if err != nil {
		return fmt.Errorf("export: open %s: %w", m.name, err)
	}
	defer func() { _ = f.Close() }() // read only
	err = w.entry(m.name, zip.Store, func(out io.Writer) error {
		n, err := io.Copy(out, &stopper{w.ctx, f})
		if err == nil && n != m.size {
			err = fmt.Errorf("%d bytes instead of %d", n, m.size)
		}
		return err
	})
	if err == nil && w.sums[len(w.sums)-1].digest != m.digest {
		err = fmt.Errorf("export: the stored bytes of %s are damaged", m.name)
	}
	return err
}

// stopper ends a copy when nobody waits for it any more.
type stopper struct {
	ctx context.Context
	r   io.Reader
}

func (s *stopper) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// spool keeps on disk what comes before its place in the ZIP.
type spool struct {
	f     *os.File
	buf   *bufio.Writer
	begun bool
}

func (w *writer) spool() (*spool, error) {
	f, err := os.CreateTemp(w.dir, "export-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("export: keep a part: %w", err)
	}
	return &spool{f: f, buf: bufio.NewWriter(f)}, nil
}

func (s *spool) Write(p []byte) (int, error) { return s.buf.Write(p) }

func (s *spool) copyTo(out io.Writer) error {
	if err := s.buf.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(out, s.f)
	return err
}

func (s *spool) drop() error { return errors.Join(s.f.Close(), os.Remove(s.f.Name())) }

// Missing lists the digests that an export would need and that are not stored,
// so that it can be refused before its first byte is sent.
func Missing(ctx context.Context, head Head, src Source, has func(digest string) bool) ([]string, error) {
	var gone []string
	if !head.Wish.Media {
		return nil, nil
	}
	for v, err := range src.Whispers(ctx) {
		if err != nil {
			return nil, err
		}
		for _, f := range v.Files {
			if (head.Wish.Originals || f.Variant == plainVariant(f)) && !has(f.SHA256) && !slices.Contains(gone, f.SHA256) {
				gone = append(gone, f.SHA256)
			}
		}
	}
	return gone, nil
}
