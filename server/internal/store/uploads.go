package store

import (
	"context"
	"errors"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func uploadOf(r sqlcgen.Upload) (model.Upload, error) {
	return model.Upload{ID: r.ID, OwnerID: r.OwnerID, FinishedAt: moment(r.FinishedAt), ExpiresAt: moment(r.ExpiresAt),
		Media: model.Media{Role: protocol.Role(r.Role), Type: r.MediaType, SHA256: r.Sha256, Size: r.Size, Width: int(r.Width),
			Height: int(r.Height), Duration: span(r.DurationUs), SharedType: r.SharedType, SharedSHA256: r.SharedSha256,
			SharedSize: r.SharedSize, SharedWidth: int(r.SharedWidth), SharedHeight: int(r.SharedHeight)}}, nil
}

// PutUpload keeps a finished upload; one that is there already stays as it is.
func (tx *Tx) PutUpload(ctx context.Context, u model.Upload) error {
	if _, err := tx.Upload(ctx, u.ID); !errors.Is(err, ErrNotFound) {
		return err
	}
	m := u.Media
	err := wrap(tx.q.InsertUpload(ctx, sqlcgen.InsertUploadParams{ID: u.ID, OwnerID: u.OwnerID, Role: string(m.Role), MediaType: m.Type,
		Sha256: m.SHA256, Size: m.Size, Width: int64(m.Width), Height: int64(m.Height), DurationUs: m.Duration.Microseconds(),
		SharedType: m.SharedType, SharedSha256: m.SharedSHA256, SharedSize: m.SharedSize, SharedWidth: int64(m.SharedWidth),
		SharedHeight: int64(m.SharedHeight), FinishedAt: micros(u.FinishedAt), ExpiresAt: micros(u.ExpiresAt)}), "keep an upload")
	if errors.Is(err, ErrExists) { // kept meanwhile
		return nil
	}
	return err
}

// Upload finds a finished upload.
func (tx *Tx) Upload(ctx context.Context, id string) (model.Upload, error) {
	r, err := tx.q.Upload(ctx, id)
	if err != nil {
		return model.Upload{}, wrap(err, "find an upload")
	}
	return uploadOf(r)
}

// DeleteUpload forgets an upload, if it is there.
func (tx *Tx) DeleteUpload(ctx context.Context, id string) error {
	_, err := tx.q.DeleteUpload(ctx, id)
	return wrap(err, "forget an upload")
}

// UploadsOf counts an owner's finished uploads that nothing has claimed, and
// their bytes with those of their shared copies. Index uploads_owner.
func (tx *Tx) UploadsOf(ctx context.Context, owner string) (count int, bytes int64, err error) {
	r, err := tx.q.UploadsOfOwner(ctx, owner)
	return int(r.Uploads), r.Bytes, wrap(err, "count an owner's uploads")
}

// ExpiredUploads lists uploads that expired by now, oldest first. Index uploads_expires.
func (tx *Tx) ExpiredUploads(ctx context.Context, now time.Time, limit int) ([]model.Upload, error) {
	rows, err := tx.q.ExpiredUploads(ctx, sqlcgen.ExpiredUploadsParams{ExpiresAt: micros(now), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list expired uploads")
	}
	return list(rows, uploadOf)
}
