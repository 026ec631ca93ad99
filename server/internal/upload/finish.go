package upload

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"illumi/protocol"
	"illumi/server/internal/blob"
	"illumi/server/internal/media"
	"illumi/server/internal/model"
)

// Finish makes a completely received upload a recorded one: digest checked,
// looked at by content, shared copy made, both kept by the blob store and
// synced, then recorded. It may be repeated and run at the same time with
// itself; an upload that is recorded already is returned as it is.
//
// A *model.Error says that the upload is unknown (also when its time is over),
// incomplete, refused (then nothing of it is left), or that the disk is full.
// After other errors the bytes are still there, so repeating is worth while;
// only where the disk failed to read or sync them they are dropped, because
// nobody can vouch for them any more. The work goes on when ctx ends.
func (s *Service) Finish(ctx context.Context, id string) (model.Upload, error) {
	if !protocol.ValidID(id) {
		return model.Upload{}, errUnknown
	}
	done := s.flight.DoChan(id, func() (any, error) {
		if err := s.begin(); err != nil {
			return model.Upload{}, err
		}
		defer s.running.Done()
		// A client that hangs up must not throw the work away: it would find
		// it begun anew with every request, and never done.
		work, cancel := context.WithTimeout(s.work, finishTime)
		defer cancel()
		return s.finish(work, id)
	})
	select {
	case r := <-done:
		u, _ := r.Val.(model.Upload) // always one; zero beside an error
		return u, r.Err
	case <-ctx.Done():
		return model.Upload{}, fmt.Errorf("upload: wait for the finish: %w", context.Cause(ctx))
	}
}

func (s *Service) finish(ctx context.Context, id string) (model.Upload, error) {
	row, ok, err := s.recorded(ctx, id)
	if err != nil {
		return model.Upload{}, err
	}
	if ok {
		// Leftovers of a crash. Failing to remove them must not unsay what is
		// recorded; Sweep tries again and reports it.
		_ = s.drop(id)
		return row, nil
	}
	e, ok := s.entry(id)
	if !ok {
		return model.Upload{}, errUnknown
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return model.Upload{}, fmt.Errorf("upload: wait for others: %w", ctx.Err())
	}
	s.storing.RLock()
	defer s.storing.RUnlock()
	m, err := s.take(ctx, id, e)
	if err != nil {
		if err = full(err); gone(err) {
			return model.Upload{}, errors.Join(err, s.drop(id))
		}
		return model.Upload{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond) // as it will be read back
	row = model.Upload{ID: id, OwnerID: e.owner, Media: m, FinishedAt: now, ExpiresAt: now.Add(KeepFinished)}
	if err := s.rec.PutUpload(ctx, row); err != nil {
		return model.Upload{}, fmt.Errorf("upload: record: %w", err)
	}
	s.at("recorded")
	_ = s.drop(id) // as above
	s.at("dropped")
	return row, nil
}

// recorded looks an upload up; one whose time is over counts as unknown, so
// that nobody claims what Sweep is about to remove.
func (s *Service) recorded(ctx context.Context, id string) (model.Upload, bool, error) {
	row, ok, err := s.rec.Upload(ctx, id)
	if err != nil {
		return model.Upload{}, false, fmt.Errorf("upload: look up: %w", err)
	}
	if !ok {
		return model.Upload{}, false, nil
	}
	if !s.now().Before(row.ExpiresAt) {
		return model.Upload{}, false, errUnknown
	}
	return row, true, nil
}

// take checks a received file and has its bytes and its shared copy kept.
func (s *Service) take(ctx context.Context, id string, e entry) (model.Media, error) {
	f, err := os.Open(s.data(id))
	if errors.Is(err, fs.ErrNotExist) {
		return model.Media{}, errUnknown
	}
	if err != nil {
		return model.Media{}, fmt.Errorf("upload: open: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return model.Media{}, fmt.Errorf("upload: look: %w", err)
	}
	switch {
	case st.Size() < e.size:
		return model.Media{}, errUnfinished
	case st.Size() > e.size:
		return model.Media{}, errDigest
	}
	s.at("complete")
	// All but what a crash cut short is synced already; after this, what is
	// read below is what the disk holds.
	if err := s.sync(f); err != nil {
		return model.Media{}, fmt.Errorf("%w: %w", errUnsynced, err)
	}
	// The digest comes before any decoder: a damaged transfer is sent again,
	// a damaged file is refused, and a box has to know which it was.
	if e.sha256 != "" {
		if err := check(ctx, f, e.sha256); err != nil {
			return model.Media{}, err
		}
	}
	s.at("checked")
	kind := media.Audio
	if e.role == protocol.RoleImage {
		kind = media.Image
	}
	info, err := media.Inspect(ctx, f, e.size, kind)
	if err != nil {
		return model.Media{}, looked(ctx, err)
	}
	s.at("inspected")
	shared, sharedInfo, err := s.share(ctx, f, info, e.kind)
	if err != nil {
		return model.Media{}, looked(ctx, err)
	}
	s.at("shared")
	kept, err := s.keep(ctx, id, e.sha256)
	if err != nil {
		return model.Media{}, err
	}
	s.at("kept")
	return model.Media{
		Role: e.role, Type: info.Type, SHA256: kept.SHA256, Size: kept.Size,
		Width: info.Width, Height: info.Height,
		Duration:   sharedInfo.Duration, // of what is heard: the header of an M4A also counts what was cut away
		SharedType: sharedInfo.Type, SharedSHA256: shared.SHA256, SharedSize: shared.Size,
		SharedWidth: sharedInfo.Width, SharedHeight: sharedInfo.Height,
	}, nil
}

// looked says why media gave up. Its own time limit, with ours still running,
// means a file made to be slow: that is refused, or a box would send it for ever.
func looked(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return errSlow
	}
	return refusedMedia(err)
}

// check reads f and holds it against the announced digest.
func check(ctx context.Context, f *os.File, want string) error {
	h := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("upload: check the digest: %w", err)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("upload: check the digest: %w", err)
		}
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return errDigest
	}
	return nil
}

// share makes the copy that is shown and forwarded. The same file gives the
// same bytes, so doing it again stores nothing twice. A person is told that a
// recording is silent and can choose another; a box's answer is never refused
// for being quiet.
func (s *Service) share(ctx context.Context, f *os.File, info media.Info, from OwnerKind) (blob.Blob, media.Info, error) {
	derive := func(w io.Writer) (media.Info, error) {
		if info.Kind == media.Image {
			return media.SharedImage(ctx, f, info, w)
		}
		return media.SharedAudio(ctx, f, info, w, s.converter)
	}
	var out media.Info
	r, w := io.Pipe()
	made := make(chan struct{})
	go func() {
		defer close(made)
		b := bufio.NewWriterSize(w, 64<<10)
		var err error
		if out, err = derive(b); err == nil {
			err = b.Flush()
		}
		if err == nil && out.Silent && from == OwnerUser {
			err = errSilent // instead of the copy's end: nothing is kept
		}
		w.CloseWithError(err) // nil means the end of the copy
	}()
	copied, err := s.blobs.Put(ctx, r)
	r.CloseWithError(err) // a writer that waits for us learns why
	<-made
	if err != nil {
		return blob.Blob{}, media.Info{}, fmt.Errorf("upload: shared copy: %w", err)
	}
	s.noteUsed(copied.SHA256)
	return copied, out, nil
}

// keep hands the bytes to the blob store under a second name, so that until
// the record exists the first one is still there to begin again from. Nothing
// is written through the first name any more: it is complete.
func (s *Service) keep(ctx context.Context, id, want string) (blob.Blob, error) {
	name := s.twin(id)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return blob.Blob{}, fmt.Errorf("upload: remove an older second name: %w", err)
	}
	if err := s.link(s.data(id), name); err != nil {
		// A file system without hard links: a crash before the record then
		// costs sending the file again.
		name = s.data(id)
	}
	s.at("linked")
	b, err := s.blobs.Adopt(ctx, name, want)
	if errors.Is(err, blob.ErrDigest) {
		return blob.Blob{}, errDigest
	}
	if err != nil {
		return blob.Blob{}, fmt.Errorf("upload: keep: %w", err)
	}
	s.noteUsed(b.SHA256)
	return b, nil
}
