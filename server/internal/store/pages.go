package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// SetPeaks keeps the outline of the recording with this digest, for every
// whisper that has it. Index files_sha256.
func (tx *Tx) SetPeaks(ctx context.Context, sha256, peaks string) error {
	return wrap(tx.q.SetPeaks(ctx, sqlcgen.SetPeaksParams{Peaks: peaks, Sha256: sha256}), "keep a recording's outline")
}

// SetUserPrefs keeps what a person chose for the pages.
func (tx *Tx) SetUserPrefs(ctx context.Context, id string, p model.Prefs) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("store: write what a user chose: %w", err)
	}
	n, err := tx.q.SetUserPrefs(ctx, sqlcgen.SetUserPrefsParams{Prefs: string(text), ID: id})
	return one(n, err, "keep what a user chose")
}

// Load is how much a box has to do.
type Load struct {
	Queued  int // turns that wait for the box now
	Planned int // turns of whispers on their way, those that wait now among them
	Asked   int // turns offered since a moment
}

// Loads says how much boxes have to do, and how often each was asked since a
// moment. Indexes hops_seq, hops_queued and hops_offered.
func (tx *Tx) Loads(ctx context.Context, devices []string, since time.Time) (map[string]Load, error) {
	loads := map[string]Load{}
	if len(devices) == 0 {
		return loads, nil
	}
	planned, err := tx.q.PlannedOf(ctx, devices)
	if err != nil {
		return nil, wrap(err, "count planned turns")
	}
	queued, err := tx.q.QueuedOf(ctx, devices)
	if err != nil {
		return nil, wrap(err, "count turns that wait")
	}
	asked, err := tx.q.OfferedOf(ctx, sqlcgen.OfferedOfParams{Devices: devices, Since: micros(since)})
	if err != nil {
		return nil, wrap(err, "count turns of late")
	}
	for _, r := range planned {
		l := loads[r.DeviceID]
		l.Planned = int(r.Turns)
		loads[r.DeviceID] = l
	}
	for _, r := range queued {
		l := loads[r.DeviceID]
		l.Queued = int(r.Turns)
		loads[r.DeviceID] = l
	}
	for _, r := range asked {
		l := loads[r.DeviceID]
		l.Asked = int(r.Turns)
		loads[r.DeviceID] = l
	}
	return loads, nil
}

// DevicesByID finds many devices at once, with as much of each as FindDevices
// tells; those that do not exist are left out.
func (tx *Tx) DevicesByID(ctx context.Context, ids []string) (map[string]model.Device, error) {
	found := map[string]model.Device{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := tx.q.DevicesByID(ctx, ids)
	if err != nil {
		return nil, wrap(err, "find devices")
	}
	for _, r := range rows {
		d, err := deviceLine(sqlcgen.DeviceLinesRow(r))
		if err != nil {
			return nil, err
		}
		found[d.ID] = d
	}
	return found, nil
}

// DevicesInBrief is DevicesByID with no more of them than their names and what
// their presence is told from.
func (tx *Tx) DevicesInBrief(ctx context.Context, ids []string) (map[string]model.Device, error) {
	found := map[string]model.Device{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := tx.q.DevicesInBrief(ctx, ids)
	for _, r := range rows {
		found[r.ID] = model.Device{ID: r.ID, Name: r.Name, LastSeenAt: moment(r.LastSeenAt), ConnectedAt: moment(r.ConnectedAt), RevokedAt: moment(r.RevokedAt)}
	}
	return found, wrap(err, "find devices")
}

// ProjectTitles finds the titles of projects, by id; those that do not exist are
// left out.
func (tx *Tx) ProjectTitles(ctx context.Context, ids []string) (map[string]string, error) {
	found := map[string]string{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := tx.q.ProjectTitles(ctx, ids)
	for _, r := range rows {
		found[r.ID] = r.Title
	}
	return found, wrap(err, "find projects")
}
