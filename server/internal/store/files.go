package store

import (
	"context"
	"errors"
	"iter"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func fileOf(r sqlcgen.File) (model.File, error) {
	return model.File{ID: r.ID, WhisperID: r.WhisperID, HopID: r.HopID, ReplyID: r.ReplyID, Position: int(r.Position),
		Role: protocol.Role(r.Role), Variant: model.Variant(r.Variant), SHA256: r.Sha256, Size: r.Size, Type: r.MediaType,
		Width: int(r.Width), Height: int(r.Height), Duration: span(r.DurationUs), CreatedAt: moment(r.CreatedAt), Peaks: r.Peaks, Alt: r.Alt}, nil
}

// AddFile notes a stored file of a whisper; an empty id is made.
func (tx *Tx) AddFile(ctx context.Context, f model.File) error {
	if f.ID == "" {
		f.ID = NewID()
	}
	return wrap(tx.q.InsertFile(ctx, sqlcgen.InsertFileParams{ID: f.ID, WhisperID: f.WhisperID, HopID: f.HopID, ReplyID: f.ReplyID,
		Position: int64(f.Position), Role: string(f.Role), Variant: string(f.Variant), Sha256: f.SHA256, Size: f.Size, MediaType: f.Type,
		Width: int64(f.Width), Height: int64(f.Height), DurationUs: f.Duration.Microseconds(), CreatedAt: micros(f.CreatedAt), Alt: f.Alt}), "note a file")
}

// AddFiles is AddFile for several.
func (tx *Tx) AddFiles(ctx context.Context, files ...model.File) error {
	for _, f := range files {
		if err := tx.AddFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// FilesByWhisper lists all files of a whisper by position. Index files_position.
func (tx *Tx) FilesByWhisper(ctx context.Context, whisperID string) ([]model.File, error) {
	rows, err := tx.q.FilesByWhisper(ctx, whisperID)
	if err != nil {
		return nil, wrap(err, "list a whisper's files")
	}
	return list(rows, fileOf)
}

// FilesOfPosition lists all files at one position of a whisper: 0 is the seed,
// and a position may have late replies beside the accepted one. Index
// files_position.
func (tx *Tx) FilesOfPosition(ctx context.Context, whisperID string, position int) ([]model.File, error) {
	rows, err := tx.q.FilesOfPosition(ctx, sqlcgen.FilesOfPositionParams{WhisperID: whisperID, Position: int64(position)})
	if err != nil {
		return nil, wrap(err, "list a position's files")
	}
	return list(rows, fileOf)
}

// FilesBefore lists the shared files that the hop at position hears: those of
// the accepted reply of the nearest approved hop below it, or the seed's.
// Indexes hops_position and files_position.
func (tx *Tx) FilesBefore(ctx context.Context, whisperID string, position int) ([]model.File, error) {
	heard, err := tx.q.LastApproved(ctx, sqlcgen.LastApprovedParams{WhisperID: whisperID, Position: int64(position)})
	if err = wrap(err, "find the answer before a hop"); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err // not found: the seed, position 0 and no reply
	}
	rows, err := tx.q.FilesAt(ctx, sqlcgen.FilesAtParams{WhisperID: whisperID, Position: heard.Position, ReplyID: heard.ReplyID})
	if err != nil {
		return nil, wrap(err, "list the files before a hop")
	}
	return list(rows, fileOf)
}

// FileByID finds a file.
func (tx *Tx) FileByID(ctx context.Context, id string) (model.File, error) {
	r, err := tx.q.FileByID(ctx, id)
	if err != nil {
		return model.File{}, wrap(err, "find a file")
	}
	return fileOf(r)
}

// DeviceMayRead reports whether a hop that is at the device's box now has to
// hear the file with this digest. Index hops_at_box, then as FilesBefore.
func (tx *Tx) DeviceMayRead(ctx context.Context, deviceID, sha256 string) (bool, error) {
	hops, err := tx.q.HopsAtBox(ctx, deviceID)
	if err != nil {
		return false, wrap(err, "list the hops at a box")
	}
	for _, h := range hops {
		files, err := tx.FilesBefore(ctx, h.WhisperID, int(h.Position))
		if err != nil {
			return false, err
		}
		for _, f := range files {
			if f.SHA256 == sha256 {
				return true, nil
			}
		}
	}
	return false, nil
}

// DeleteReplyFiles forgets the files of a reply; their bytes go when nothing
// else needs them. Primary key of replies, then index files_position.
func (tx *Tx) DeleteReplyFiles(ctx context.Context, replyID string) error {
	r, err := tx.q.Reply(ctx, replyID)
	if err == nil {
		err = tx.q.DeleteReplyFiles(ctx, sqlcgen.DeleteReplyFilesParams{WhisperID: r.WhisperID, ReplyID: replyID})
	}
	return wrap(err, "forget a reply's files")
}

// MediaInUse reports whether a file or an upload needs the bytes with this digest.
func (s *Store) MediaInUse(ctx context.Context, sha256 string) (used bool, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		n, err := tx.FileUse(ctx, sha256)
		used = n > 0
		return err
	})
	return used, err
}

// FileUse counts who needs the bytes with this digest: files, uploads and clips.
// Indexes files_sha256, uploads_sha256, uploads_shared_sha256, box_clips_sha256.
func (tx *Tx) FileUse(ctx context.Context, sha256 string) (int, error) {
	total := 0
	for _, count := range []func(context.Context, string) (int64, error){tx.q.FileUse, tx.q.UploadUse, tx.q.UploadSharedUse, tx.q.ClipUse} {
		n, err := count(ctx, sha256)
		if err != nil {
			return 0, wrap(err, "count a file's uses")
		}
		total += int(n)
	}
	return total, nil
}

// DigestsInUse walks the digests that files, uploads or clips need, for a scrub.
// One digest can come several times, as for a file and for an upload's two copies.
// Same indexes as FileUse, a page at a time.
func (tx *Tx) DigestsInUse(ctx context.Context) iter.Seq2[string, error] {
	pages := []func(after string) ([]string, error){
		func(after string) ([]string, error) {
			return tx.q.FileDigests(ctx, sqlcgen.FileDigestsParams{Sha256: after, Limit: MaxPage})
		},
		func(after string) ([]string, error) {
			return tx.q.UploadDigests(ctx, sqlcgen.UploadDigestsParams{Sha256: after, Limit: MaxPage})
		},
		func(after string) ([]string, error) {
			return tx.q.UploadSharedDigests(ctx, sqlcgen.UploadSharedDigestsParams{SharedSha256: after, Limit: MaxPage})
		},
		func(after string) ([]string, error) {
			return tx.q.ClipDigests(ctx, sqlcgen.ClipDigestsParams{Sha256: after, Limit: MaxPage})
		},
	}
	return func(yield func(string, error) bool) {
		for _, next := range pages {
			for after, more := "", true; more; {
				digests, err := next(after)
				if err != nil {
					yield("", wrap(err, "walk the digests"))
					return
				}
				for _, after = range digests {
					if !yield(after, nil) {
						return
					}
				}
				more = len(digests) == MaxPage
			}
		}
	}
}
