package relay

import (
	"context"
	"errors"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// BoxView is all that there is to see of one box.
type BoxView struct {
	Device model.Device
	// Whisper is the title of what the box serves now, if the reader may know
	// it; Serves says that it serves something at all.
	Whisper   string
	WhisperID string
	Serves    bool
	// Queued is how many other turns wait for it, up to a page.
	Queued int
}

// Box loads one box. A whisper's title is told to those who may see the whisper.
func (s *Service) Box(ctx context.Context, actor model.Actor, id string) (BoxView, error) {
	var v BoxView
	if err := allow(actor, model.SeeBoxes); err != nil {
		return v, err
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		v = BoxView{}
		d, err := tx.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("box")
		}
		if err != nil {
			return err
		}
		v.Device = d
		ids, err := tx.WhispersWaitingFor(ctx, id, store.MaxPage)
		if err != nil {
			return err
		}
		v.Queued = len(ids)
		if d.ActiveHop == "" {
			return nil
		}
		v.Serves, v.Queued = true, max(v.Queued-1, 0)
		wh, err := tx.WhisperByHop(ctx, d.ActiveHop)
		if err != nil {
			return err
		}
		if _, _, err := s.whisperOf(ctx, tx, actor, wh.ID, model.See); err == nil {
			v.Whisper, v.WhisperID = wh.Title, wh.ID
		} else if _, refused := model.AsError(err); !refused {
			return err
		}
		return nil
	})
	return v, err
}

// SetSite keeps where a box lives and how it is to behave there, and tells the
// box. Deadlines that run already stay as they are.
func (s *Service) SetSite(ctx context.Context, actor model.Actor, id string, site model.Site) error {
	return s.EditSite(ctx, actor, id, func(was *model.Site) { *was = site })
}

// EditSite is SetSite for some of it: edit gets the place as it is, and may be
// called more than once.
func (s *Service) EditSite(ctx context.Context, actor model.Actor, id string, edit func(*model.Site)) error {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return err
	}
	return s.do(ctx, func(w *work) error {
		d, err := w.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && !d.RevokedAt.IsZero() {
			return model.NotFound("box")
		}
		if err != nil {
			return err
		}
		site := d.Site
		edit(&site)
		if err := checkSite(&site); err != nil {
			return err
		}
		site.Version, site.Clips = d.Site.Version, d.Site.Clips
		if site == d.Site {
			return nil
		}
		site.Version++
		w.after(func(t Teller) { t.Settings(id, SettingsOf(site)); t.BoxesChanged() })
		return w.SetDeviceSite(ctx, id, site)
	})
}

func checkSite(site *model.Site) error {
	if site.Label != "" {
		var err error
		if site.Label, err = model.CleanTitle("label", site.Label); err != nil {
			return err
		}
	}
	if (site.Hours.Wake == "") != (site.Hours.Bed == "") {
		return model.RefuseField("wake", "Only one of the two times is set.", "Set both, or none.")
	}
	if _, err := route.ClockOf(site.Hours); err != nil {
		return err
	}
	switch {
	case site.Volume < 0 || site.Volume > 4:
		return model.RefuseField("volume", "This volume does not exist.", "Choose a step from 1 to 4.")
	case site.Buttons < 0 || site.Buttons > 3:
		return model.RefuseField("buttons", "A box has one to three buttons.", "Choose one of the list.")
	case site.Language != "" && site.Language != "en":
		return model.RefuseField("language", "Boxes do not speak this language.", "Choose English.")
	}
	return nil
}

// SettingsOf are what a box is told of its place. Their version rises with each
// change of it.
func SettingsOf(site model.Site) protocol.Settings {
	s := protocol.Settings{
		Version: 1 + site.Version, SendMode: protocol.SendGrace, PhotoAllowed: !site.NoPhoto, Announce: !site.Quiet,
		TimeZone: site.Hours.Zone, QuietFrom: "21:00", QuietUntil: "08:00", Volume: 2, Language: "en",
		Buttons: site.Buttons, Clips: site.Clips,
	}
	if h := site.Hours; h.Wake != "" && h.Bed != "" {
		if s.QuietFrom, s.QuietUntil = h.Bed, h.Wake; h.Bed == h.Wake {
			s.QuietFrom, s.QuietUntil = "", "" // somebody is always awake
		}
	}
	if site.Volume != 0 {
		s.Volume = site.Volume
	}
	if site.Language != "" {
		s.Language = site.Language
	}
	return s
}

// missedFor is how long a reminder that a box missed is still worth telling.
const missedFor = 12 * time.Hour

// Missed finds the reminder that a box was to be told after it was last heard,
// if it still waits and the time of day is right.
func (s *Service) Missed(ctx context.Context, device string, heard time.Time) (ref protocol.HopRef, ok bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		ok = false
		d, err := tx.Device(ctx, device)
		if err != nil || d.ActiveHop == "" {
			return err
		}
		wh, err := tx.WhisperByHop(ctx, d.ActiveHop)
		if err != nil {
			return err
		}
		now := s.now()
		h, found := wh.HopByID(d.ActiveHop)
		if !found || !h.State.AtBox() || wh.State != model.WhisperTravelling {
			return nil
		}
		at := h.Course.RemindedAt
		ok = at.After(heard) && now.Sub(at) < missedFor && route.Daytime(now, s.clockAt(wh, d)).Equal(now)
		ref = protocol.HopRef{Hop: h.ID, Epoch: h.Epoch}
		return nil
	})
	return ref, ok, err
}
