package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// FirstGenSecret stands where other devices have the hash of their secret: a
// box of the first generation has none, and no secret hashes to this.
func FirstGenSecret(id string) string { return "first generation " + id }

// FirstGenDevices lists the boxes of the first generation that are not revoked.
// Index devices_secret_hash.
func (tx *Tx) FirstGenDevices(ctx context.Context, limit int) ([]model.Device, error) {
	rows, err := tx.q.FirstGenDevices(ctx, page(limit))
	if err != nil {
		return nil, wrap(err, "list boxes of the first generation")
	}
	return list(rows, deviceOf)
}

// FirstGenFile is an address under which one box may fetch one file.
type FirstGenFile struct {
	NameHash  string
	DeviceID  string
	HopID     string
	Epoch     int
	SHA256    string
	Type      string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// AddFirstGenFile keeps an address.
func (tx *Tx) AddFirstGenFile(ctx context.Context, f FirstGenFile) error {
	return wrap(tx.q.InsertFirstGenFile(ctx, sqlcgen.InsertFirstGenFileParams{NameHash: f.NameHash, DeviceID: f.DeviceID, HopID: f.HopID,
		Epoch: int64(f.Epoch), Sha256: f.SHA256, MediaType: f.Type, CreatedAt: micros(f.CreatedAt), ExpiresAt: micros(f.ExpiresAt)}), "keep an address")
}

// FirstGenFile finds an address by the hash of its name.
func (tx *Tx) FirstGenFile(ctx context.Context, nameHash string) (FirstGenFile, error) {
	r, err := tx.q.FirstGenFile(ctx, nameHash)
	return FirstGenFile{r.NameHash, r.DeviceID, r.HopID, int(r.Epoch), r.Sha256, r.MediaType, moment(r.CreatedAt), moment(r.ExpiresAt)},
		wrap(err, "find an address")
}

// DeleteFirstGenFiles ends the addresses of a hop, and all whose time is over.
// Indexes first_gen_files_hop, first_gen_files_expires.
func (tx *Tx) DeleteFirstGenFiles(ctx context.Context, hopID string, now time.Time) error {
	if err := tx.q.DeleteFirstGenFilesOfHop(ctx, hopID); err != nil {
		return wrap(err, "end addresses")
	}
	_, err := tx.q.PurgeFirstGenFiles(ctx, micros(now))
	return wrap(err, "end old addresses")
}
