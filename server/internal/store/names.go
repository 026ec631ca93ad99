package store

import (
	"context"
	"slices"
	"strings"
	"sync"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// nameList holds the names of all devices, folded and in their order, so that a
// search for a part of one does not read them all again. Devices are added, and
// never renamed or deleted: as long as there are as many, the names are the same.
type nameList struct {
	mu    sync.Mutex
	names []string
}

// of returns the names as the transaction's snapshot has them; they are not to
// be changed.
func (l *nameList) of(ctx context.Context, q *sqlcgen.Queries) ([]string, error) {
	n, err := q.CountDevices(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	names := l.names
	l.mu.Unlock()
	if int64(len(names)) == n {
		return names, nil
	}
	if names, err = q.DeviceNames(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.names = names
	l.mu.Unlock()
	return names, nil
}

// FindDevices is Devices for a list on a page, with less of each: of its status
// what InBrief has, of its capabilities whether it is simulated, and nothing of
// its secret, its place, its offers and who enrolled it. With a search it lists only
// those whose name holds it, in any case.
func (tx *Tx) FindDevices(ctx context.Context, limit int, after, search string) ([]model.Device, error) {
	part, after := fold(search), fold(after)
	if part == "" {
		rows, err := tx.q.DeviceLines(ctx, sqlcgen.DeviceLinesParams{AfterName: after, Limit: page(limit)})
		if err != nil {
			return nil, wrap(err, "list devices")
		}
		return list(rows, deviceLine)
	}
	names, err := tx.names.of(ctx, tx.q)
	if err != nil {
		return nil, wrap(err, "search devices")
	}
	var found []string
	from, at := slices.BinarySearch(names, after)
	if at {
		from++
	}
	for _, name := range names[from:] {
		if strings.Contains(name, part) {
			if found = append(found, name); len(found) == int(page(limit)) {
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	rows, err := tx.q.DeviceLinesByName(ctx, found)
	if err != nil {
		return nil, wrap(err, "search devices")
	}
	return list(rows, func(r sqlcgen.DeviceLinesByNameRow) (model.Device, error) {
		return deviceLine(sqlcgen.DeviceLinesRow(r))
	})
}

// simulated is how encode writes that a box says so of itself.
const simulated = `"simulated":true`

func deviceLine(r sqlcgen.DeviceLinesRow) (model.Device, error) {
	d := model.Device{ID: r.ID, Name: r.Name, BoardModel: r.BoardModel, Agent: r.Agent, EnrolledAt: moment(r.EnrolledAt),
		LastSeenAt: moment(r.LastSeenAt), ConnectedAt: moment(r.ConnectedAt), RevokedAt: moment(r.RevokedAt),
		HeldAt: moment(r.HeldAt), ActiveHop: r.ActiveHop}
	d.Capabilities.Simulated = strings.Contains(r.Capabilities, simulated)
	if err := decodeOr(r.FirstGen, &d.FirstGen, model.FirstGen{}); err != nil {
		return d, err
	}
	if brief, ok := model.ParseBrief(r.Brief); ok {
		d.Brief = &brief
		return d, nil
	}
	return d, decodeOr(r.LastStatus, &d.Status, protocol.Status{})
}
