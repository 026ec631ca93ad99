package store

import (
	"context"
	"database/sql"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func deviceOf(r sqlcgen.Device) (model.Device, error) {
	d := model.Device{ID: r.ID, Name: r.Name, SecretHash: r.SecretHash, BoardModel: r.BoardModel, BoardSerial: r.BoardSerial,
		Agent: r.Agent, EnrolledBy: r.EnrolledBy, EnrolledAt: moment(r.EnrolledAt), FirstSeenAt: moment(r.FirstSeenAt),
		LastSeenAt: moment(r.LastSeenAt), ConnectedAt: moment(r.ConnectedAt), RevokedAt: moment(r.RevokedAt),
		HeldAt: moment(r.HeldAt), ActiveHop: r.ActiveHop, OfferSeq: r.OfferSeq, Version: r.Version}
	if err := decode(r.Capabilities, &d.Capabilities); err != nil {
		return d, err
	}
	d.SilentToldAt = moment(r.SilentToldAt)
	if err := decodeOr(r.Site, &d.Site, model.Site{}); err != nil {
		return d, err
	}
	if err := decodeOr(r.FirstGen, &d.FirstGen, model.FirstGen{}); err != nil {
		return d, err
	}
	return d, decode(r.LastStatus, &d.Status)
}

// CreateDevice keeps a new device. A name that is taken in any case of its
// letters is ErrExists with KeyDeviceName, a secret with KeyDeviceSecret.
func (tx *Tx) CreateDevice(ctx context.Context, d model.Device) error {
	capabilities, err := encode(d.Capabilities)
	if err != nil {
		return err
	}
	status, err := encode(d.Status)
	if err != nil {
		return err
	}
	site, err := encode(d.Site)
	if err != nil {
		return err
	}
	firstGen, err := encode(d.FirstGen)
	if err != nil {
		return err
	}
	return wrap(tx.q.InsertDevice(ctx, sqlcgen.InsertDeviceParams{ID: d.ID, Name: d.Name, NameKey: fold(d.Name),
		SecretHash: d.SecretHash, BoardModel: d.BoardModel, BoardSerial: d.BoardSerial, Agent: d.Agent,
		Capabilities: capabilities, LastStatus: status, EnrolledBy: d.EnrolledBy, EnrolledAt: micros(d.EnrolledAt),
		FirstSeenAt: micros(d.FirstSeenAt), LastSeenAt: micros(d.LastSeenAt), ConnectedAt: micros(d.ConnectedAt),
		RevokedAt: micros(d.RevokedAt), HeldAt: micros(d.HeldAt), ActiveHop: d.ActiveHop, OfferSeq: d.OfferSeq,
		Version: max(d.Version, 1), Site: site, FirstGen: firstGen}), "create a device")
}

func device(r sqlcgen.Device, err error, what string) (model.Device, error) {
	if err != nil {
		return model.Device{}, wrap(err, what)
	}
	return deviceOf(r)
}

// Device finds a device.
func (tx *Tx) Device(ctx context.Context, id string) (model.Device, error) {
	r, err := tx.q.Device(ctx, id)
	return device(r, err, "find a device")
}

// DeviceBySecretHash finds the device that knows a secret. Index devices_secret_hash.
func (tx *Tx) DeviceBySecretHash(ctx context.Context, hash string) (model.Device, error) {
	r, err := tx.q.DeviceBySecretHash(ctx, hash)
	return device(r, err, "find a device by its secret")
}

// DeviceByName finds a device by its name, in any case of its letters. Index devices_name_key.
func (tx *Tx) DeviceByName(ctx context.Context, name string) (model.Device, error) {
	r, err := tx.q.DeviceByName(ctx, fold(name))
	return device(r, err, "find a device by its name")
}

// DeviceByBoard finds the newest device on a board that is not revoked. Index devices_board.
func (tx *Tx) DeviceByBoard(ctx context.Context, serial string) (model.Device, error) {
	r, err := tx.q.DeviceByBoard(ctx, serial)
	return device(r, err, "find a device by its board")
}

// Devices lists devices by name, from after the given name. Index devices_name_key.
func (tx *Tx) Devices(ctx context.Context, limit int, after string) ([]model.Device, error) {
	rows, err := tx.q.Devices(ctx, sqlcgen.DevicesParams{AfterName: fold(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list devices")
	}
	return list(rows, deviceOf)
}

// TouchDevice notes what was heard of a device. It is one statement and changes
// no version; the time of the last word only goes forward.
func (tx *Tx) TouchDevice(ctx context.Context, id string, s model.Sighting) error {
	p := sqlcgen.TouchDeviceParams{At: micros(s.At), ConnectedAt: sql.NullInt64{Int64: micros(s.At), Valid: s.Connected}, ID: id}
	var err error
	if s.Hello != nil {
		p.Agent = sql.NullString{String: s.Hello.Agent, Valid: true}
		p.Capabilities.Valid = true
		if p.Capabilities.String, err = encode(s.Hello.Capabilities); err != nil {
			return err
		}
	}
	if s.Status != nil {
		p.LastStatus.Valid = true
		p.Brief = sql.NullString{String: model.BriefOf(*s.Status).String(), Valid: true}
		if p.LastStatus.String, err = encode(s.Status); err != nil {
			return err
		}
	}
	n, err := tx.q.TouchDevice(ctx, p)
	return one(n, err, "note a device as seen")
}

// RevokeDevice ends a device's right to connect; one that ended before keeps its time.
func (tx *Tx) RevokeDevice(ctx context.Context, id string, at time.Time) error {
	n, err := tx.q.RevokeDevice(ctx, sqlcgen.RevokeDeviceParams{At: micros(at), ID: id})
	if err == nil && n == 0 {
		_, err = tx.q.OfferSeq(ctx, id)
	}
	return wrap(err, "revoke a device")
}

// HoldDevice notes when another board showed the device's secret; the zero time forgets it.
func (tx *Tx) HoldDevice(ctx context.Context, id string, at time.Time) error {
	n, err := tx.q.HoldDevice(ctx, sqlcgen.HoldDeviceParams{At: micros(at), ID: id})
	return one(n, err, "hold a device")
}

// ClaimDevice makes hopID the one hop that the device serves and returns the
// number of the offer. ok is false where it serves a hop already; then the
// device's row stays written until this transaction ends, so that whoever
// releases the device comes after it and finds with NextReadyHop what it left.
func (tx *Tx) ClaimDevice(ctx context.Context, id, hopID string) (newSeq int64, ok bool, err error) {
	claim := func() (int64, error) {
		return tx.q.ClaimDevice(ctx, sqlcgen.ClaimDeviceParams{HopID: hopID, ID: id})
	}
	n, err := claim()
	if err == nil && n == 0 {
		if n, err = tx.q.MarkDevice(ctx, id); err == nil && n == 0 {
			err = sql.ErrNoRows
		}
		if err == nil { // released between the two statements?
			n, err = claim()
		}
	}
	if err != nil || n == 0 {
		return 0, false, wrap(err, "claim a device")
	}
	newSeq, err = tx.offerSeq(ctx, id)
	return newSeq, err == nil, err
}

// ReleaseDevice ends the turn of hopID and returns the number of the change. ok
// is false where the device does not serve that hop. Ask NextReadyHop after it,
// not before.
func (tx *Tx) ReleaseDevice(ctx context.Context, id, hopID string) (newSeq int64, ok bool, err error) {
	n, err := tx.q.ReleaseDevice(ctx, sqlcgen.ReleaseDeviceParams{ID: id, HopID: hopID})
	if err != nil || n == 0 {
		return 0, false, wrap(err, "release a device")
	}
	newSeq, err = tx.offerSeq(ctx, id)
	return newSeq, err == nil, err
}

// BumpDevice returns a new number for a change to one of the device's offers.
// Numbers rise in the order of commits.
func (tx *Tx) BumpDevice(ctx context.Context, id string) (newSeq int64, err error) {
	n, err := tx.q.BumpDevice(ctx, id)
	if err := one(n, err, "number an offer"); err != nil {
		return 0, err
	}
	return tx.offerSeq(ctx, id)
}

func (tx *Tx) offerSeq(ctx context.Context, id string) (int64, error) {
	seq, err := tx.q.OfferSeq(ctx, id)
	return seq, wrap(err, "read an offer's number")
}

// SetDeviceSite keeps where a box lives and how it is to behave there.
func (tx *Tx) SetDeviceSite(ctx context.Context, id string, site model.Site) error {
	text, err := encode(site)
	if err != nil {
		return err
	}
	n, err := tx.q.SetDeviceSite(ctx, sqlcgen.SetDeviceSiteParams{Site: text, ID: id})
	return one(n, err, "keep a box's place")
}
