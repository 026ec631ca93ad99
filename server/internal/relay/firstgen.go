package relay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// MaxFirstGen bounds the boxes of the first generation.
const MaxFirstGen = 200

// firstGenFileLife is how long an address of the first generation works at most.
const firstGenFileLife = 7 * 24 * time.Hour

// AddFirstGen makes a device of a box of the first generation. It has no
// secret: whoever sends from one of the networks under its name is taken for it.
func (s *Service) AddFirstGen(ctx context.Context, actor model.Actor, name, networks string) (model.Device, error) {
	var d model.Device
	if err := allow(actor, model.ManageBoxes); err != nil {
		return d, err
	}
	name, err := model.CleanTitle("name", name)
	if err != nil {
		return d, err
	}
	list, err := cleanNetworks(networks)
	if err != nil {
		return d, err
	}
	err = s.do(ctx, func(w *work) error {
		id := store.NewID()
		d = model.Device{
			ID: id, Name: name, SecretHash: store.FirstGenSecret(id), BoardModel: "first generation", Agent: "first generation",
			Capabilities: protocol.Capabilities{}, EnrolledBy: actor.UserID, EnrolledAt: w.now, FirstGen: model.FirstGen{Networks: list},
		}
		old, err := w.FirstGenDevices(ctx, MaxFirstGen)
		if err != nil {
			return err
		}
		if len(old) == MaxFirstGen {
			return model.Refuse(protocol.CodeConflict, "There are too many boxes of the first generation.", "Remove one first.")
		}
		err = w.CreateDevice(ctx, d)
		if store.ExistsKey(err) == store.KeyDeviceName {
			return nameTaken(name)
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		return err
	})
	return d, err
}

// cleanNetworks reads networks in CIDR form, separated by blanks or commas. One
// that is everybody's is refused: it would fence nothing.
func cleanNetworks(text string) ([]string, error) {
	var list []string
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) }) {
		p, err := netip.ParsePrefix(part)
		if addr, single := netip.ParseAddr(part); err != nil && single == nil {
			p, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, model.RefuseField("networks", fmt.Sprintf("%q is not a network.", part), "Write it like 192.168.1.0/24.")
		}
		if p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32 {
			return nil, model.RefuseField("networks", "This network is too wide to fence anything in.", "Name the home's or the lab's network, like 192.168.1.0/24.")
		}
		list = append(list, p.Masked().String())
	}
	if len(list) == 0 || len(list) > 10 {
		return nil, model.RefuseField("networks", "Name one to ten networks.", "Write them like 192.168.1.0/24, with blanks between.")
	}
	return list, nil
}

// FirstGenBoxes lists the boxes of the first generation that are not revoked.
func (s *Service) FirstGenBoxes(ctx context.Context) ([]model.Device, error) {
	var list []model.Device
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.FirstGenDevices(ctx, MaxFirstGen)
		return err
	})
	return list, err
}

// FirstGenTurn is what a box of the first generation is told of a turn: names
// under which it fetches the files, by role.
type FirstGenTurn struct {
	Hop     string
	Epoch   int
	Whisper string
	Project string
	Names   map[protocol.Role]string // 32 hex digits
	Types   map[protocol.Role]string
}

// FirstGenTurn gives a box its present turn under fresh addresses; the older
// ones end. None waits: false.
func (s *Service) FirstGenTurn(ctx context.Context, device string) (FirstGenTurn, bool, error) {
	page, err := s.Offers(ctx, device, "")
	if err != nil || len(page.Offers) == 0 || page.Offers[0].State != protocol.OfferOpen {
		return FirstGenTurn{}, false, err
	}
	o := page.Offers[0]
	turn := FirstGenTurn{Hop: o.Hop, Epoch: o.Epoch, Whisper: o.Whisper, Names: map[protocol.Role]string{}, Types: map[protocol.Role]string{}}
	err = s.do(ctx, func(w *work) error {
		wh, hop, err := hopOf(ctx, w, device, o.Hop)
		if err != nil {
			return err
		}
		if !hop.State.AtBox() || hop.Epoch != o.Epoch {
			return store.ErrConflict // over meanwhile: look again
		}
		turn.Project = wh.ProjectID
		if err := w.DeleteFirstGenFiles(ctx, o.Hop, w.now); err != nil {
			return err
		}
		for _, f := range o.Files {
			var random [16]byte
			_, _ = rand.Read(random[:]) // never fails
			name := hex.EncodeToString(random[:])
			turn.Names[f.Role], turn.Types[f.Role] = name, f.Type
			err := w.AddFirstGenFile(ctx, store.FirstGenFile{
				NameHash: protocol.HashSecret(name), DeviceID: device, HopID: o.Hop, Epoch: o.Epoch, SHA256: f.SHA256, Type: f.Type,
				CreatedAt: w.now, ExpiresAt: w.now.Add(firstGenFileLife),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return turn, err == nil, err
}

// FirstGenFile finds what lies under a name, while its turn lasts.
func (s *Service) FirstGenFile(ctx context.Context, name string) (store.FirstGenFile, error) {
	var f store.FirstGenFile
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		f, err = tx.FirstGenFile(ctx, protocol.HashSecret(name))
		if errors.Is(err, store.ErrNotFound) || err == nil && !s.now().Before(f.ExpiresAt) {
			return model.NotFound("file")
		}
		if err != nil {
			return err
		}
		ok, err := tx.DeviceMayRead(ctx, f.DeviceID, f.SHA256)
		if err == nil && !ok {
			return model.NotFound("file")
		}
		return err
	})
	return f, err
}

// FirstGenHop finds the turn that a box of the first generation answers: it
// names the whisper alone.
func (s *Service) FirstGenHop(ctx context.Context, device, whisper string) (hop string, epoch int, err error) {
	unknown := model.Refuse(protocol.CodeHopUnknown, "This box has no turn in this whisper.", "Send the whisper_id that the server named.")
	if !protocol.ValidID(whisper) {
		return "", 0, unknown
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		wh, err := tx.Whisper(ctx, whisper)
		if errors.Is(err, store.ErrNotFound) {
			return unknown
		}
		if err != nil {
			return err
		}
		for _, h := range wh.Hops {
			if h.DeviceID == device && h.Epoch > 0 && (hop == "" || h.State.AtBox()) {
				hop, epoch = h.ID, h.Epoch
			}
		}
		if hop == "" {
			return unknown
		}
		return nil
	})
	return hop, epoch, err
}

// HasReply reports whether a box's reply is stored already.
func (s *Service) HasReply(ctx context.Context, device, id string) (bool, error) {
	var has bool
	err := s.db.View(ctx, func(tx *store.Tx) error {
		r, err := tx.Reply(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		has = err == nil && r.DeviceID == device
		return err
	})
	return has, err
}
