package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// MaxCodes bounds the list of codes on a page; older ones are of no use.
const MaxCodes = 100

// MakeCode makes an enrolment code for a box that will have a name. The code
// itself is returned once and stored only as a keyed hash. A code for the same
// name that is still open is revoked: of two, only one could be used anyway.
func (s *Service) MakeCode(ctx context.Context, actor model.Actor, name string) (string, model.EnrolCode, error) {
	var code string
	var row model.EnrolCode
	if err := allow(actor, model.ManageBoxes); err != nil {
		return "", row, err
	}
	label, err := model.CleanTitle("name", name)
	if err != nil {
		return "", row, err
	}
	code = s.codes.NewCode()
	err = s.do(ctx, func(w *work) error {
		if _, err := w.DeviceByName(ctx, label); err == nil {
			return nameTaken(label)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		row = model.EnrolCode{
			ID: store.NewID(), Hash: s.codes.HashCode(code), Label: label,
			CreatedBy: actor.UserID, CreatedAt: w.now, ExpiresAt: w.now.Add(model.CodeLifetime),
		}
		if row.Replaced, err = revokeCodes(ctx, w, label); err != nil {
			return err
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		return w.CreateCode(ctx, row)
	})
	return code, row, err
}

// revokeCodes ends the open codes for a name, as far back as one list of codes goes.
func revokeCodes(ctx context.Context, w *work, label string) (n int, err error) {
	codes, err := w.Codes(ctx, store.MaxPage, "")
	for _, c := range codes {
		if !strings.EqualFold(c.Label, label) || c.State(w.now) != model.CodeOpen {
			continue
		}
		ok, err := w.RevokeCode(ctx, c.ID, w.now)
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, err
}

// Codes lists enrolment codes, newest first: MaxCodes, and one more where there
// are older ones.
func (s *Service) Codes(ctx context.Context, actor model.Actor) ([]model.EnrolCode, error) {
	return s.CodesAfter(ctx, actor, MaxCodes+1, "")
}

// CodesAfter lists enrolment codes, newest first, from after the id given.
func (s *Service) CodesAfter(ctx context.Context, actor model.Actor, limit int, after string) ([]model.EnrolCode, error) {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return nil, err
	}
	var codes []model.EnrolCode
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		codes, err = tx.Codes(ctx, limit, after)
		return err
	})
	return codes, err
}

// RevokeCode makes a code useless. A used code stays used.
func (s *Service) RevokeCode(ctx context.Context, actor model.Actor, id string) error {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return err
	}
	return s.do(ctx, func(w *work) error {
		ok, err := w.RevokeCode(ctx, id, w.now)
		if err == nil && !ok {
			return model.Refuse(protocol.CodeConflict, "This code was used or revoked before.", "Load the page again.")
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		return err
	})
}

// Enroll makes a device of a box that shows a good code. Repeating it with the
// same code and secret gives the same answer, so that a lost answer costs nothing.
func (s *Service) Enroll(ctx context.Context, r protocol.EnrollRequest) (model.Device, error) {
	var device model.Device
	if err := r.Check(); err != nil {
		return device, &model.Error{Code: protocol.CodeInvalid, Sentence: "The box's request makes no sense.", Next: "Update the box.", Wrapped: err}
	}
	if r.Version > protocol.Version {
		return device, model.Refuse(protocol.CodeVersion, "This box is newer than the server.", "Update the server first.")
	}
	typed, ok := protocol.NormalizeCode(r.Code)
	if !ok {
		return device, codeUnknown()
	}
	err := s.do(ctx, func(w *work) error {
		code, err := w.CodeByHash(ctx, s.codes.HashCode(typed))
		if errors.Is(err, store.ErrNotFound) {
			return codeUnknown()
		}
		if err != nil {
			return err
		}
		secret := protocol.HashSecret(r.Secret)
		if code.State(w.now) == model.CodeUsed {
			if device, err = w.Device(ctx, code.UsedDevice); err == nil && device.SecretHash == secret && device.RevokedAt.IsZero() {
				return nil
			}
		}
		if err := codeRefusal(code.State(w.now)); err != nil {
			return err
		}
		name := code.Label
		if wish := r.Name; wish != "" {
			if name, err = model.CleanTitle("name", wish); err != nil {
				return err
			}
		}
		device = model.Device{
			ID: store.NewID(), Name: name, SecretHash: secret, BoardModel: r.BoardModel, BoardSerial: r.BoardSerial,
			Agent: r.Agent, Capabilities: r.Capabilities, EnrolledBy: code.CreatedBy, EnrolledAt: w.now,
		}
		if _, err := w.DeviceByName(ctx, name); err == nil {
			return nameTaken(name)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := w.CreateDevice(ctx, device); err != nil {
			switch store.ExistsKey(err) {
			case store.KeyDeviceName:
				return nameTaken(name)
			case store.KeyDeviceSecret:
				return model.Refuse(protocol.CodeConflict, "This box is enrolled already.", "Use it as it is; the code is still good for another box.")
			}
			return err
		}
		used, err := w.UseCode(ctx, code.ID, device.ID, w.now)
		if err != nil {
			return err
		}
		if !used {
			return store.ErrConflict // another box was quicker: look again
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		return nil
	})
	return device, err
}

func codeUnknown() error {
	return model.Refuse(protocol.CodeCodeUnknown, "This code is not known here.", "Check each character against the page, and that the address is right.")
}

func codeRefusal(state model.CodeState) error {
	switch state {
	case model.CodeUsed:
		return model.Refuse(protocol.CodeCodeUsed, "This code was used before; a code works once.", "Make a new code on the page Boxes.")
	case model.CodeExpired:
		return model.Refuse(protocol.CodeCodeExpired, "This code has expired; a code works for 24 hours.", "Make a new code on the page Boxes.")
	case model.CodeRevoked:
		return model.Refuse(protocol.CodeCodeRevoked, "This code was revoked.", "Make a new code on the page Boxes.")
	}
	return nil
}

func nameTaken(name string) error {
	return &model.Error{
		Code: protocol.CodeNameTaken, Field: "name",
		Sentence: fmt.Sprintf("There is a box called %q already.", name), Next: "Choose another name.",
	}
}

// Boxes lists devices by name, as store.FindDevices tells of them. Everyone who signs in may choose boxes.
func (s *Service) Boxes(ctx context.Context, after, search string, limit int) ([]model.Device, error) {
	var devices []model.Device
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		devices, err = tx.FindDevices(ctx, limit, after, search)
		return err
	})
	return devices, err
}

// BoxesByID loads the named devices, as store.FindDevices tells of them; those that do not exist are left out.
func (s *Service) BoxesByID(ctx context.Context, ids []string) (map[string]model.Device, error) {
	var boxes map[string]model.Device
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		boxes, err = tx.DevicesByID(ctx, ids)
		return err
	})
	return boxes, err
}

// RevokeBox ends a device for good and closes its connection at once. Its
// turns wait for a person's decision.
func (s *Service) RevokeBox(ctx context.Context, actor model.Actor, id string) error {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return err
	}
	return s.do(ctx, func(w *work) error {
		d, err := w.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("box")
		}
		if err != nil || !d.RevokedAt.IsZero() {
			return err
		}
		w.after(func(t Teller) { t.Revoked(id); t.BoxesChanged() })
		if err := w.RevokeDevice(ctx, id, w.now); err != nil {
			return err
		}
		return s.stalledByRemoval(ctx, w, d)
	})
}

// SeenMany records what was heard of boxes since the last round.
func (s *Service) SeenMany(ctx context.Context, seen map[string]model.Sighting) error {
	ids := slices.Sorted(maps.Keys(seen)) // one order of locks for every server
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.TouchDevice(ctx, id, seen[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.tell.BoxesChanged()
	}
	return err
}

// otherBoardEvery bounds how often a copied card is written down.
const otherBoardEvery = time.Minute

// OtherBoard records that a second board shows a device's secret.
func (s *Service) OtherBoard(ctx context.Context, device string) error {
	return s.heldOnce(ctx, device, "another board")
}

// Copies records that two boxes with a device's secret and board take turns.
func (s *Service) Copies(ctx context.Context, device string) error {
	return s.heldOnce(ctx, device, "two copies")
}

func (s *Service) heldOnce(ctx context.Context, device, by string) error {
	return s.do(ctx, func(w *work) error {
		d, err := w.Device(ctx, device)
		if err != nil || w.now.Sub(d.HeldAt) < otherBoardEvery {
			return err
		}
		s.log.Warn("a box's identity is used twice", "device", device, "by", by)
		w.after(func(t Teller) { t.BoxesChanged() })
		return w.HoldDevice(ctx, device, w.now)
	})
}
