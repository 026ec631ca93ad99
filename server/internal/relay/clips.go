package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// SetClip lets somebody else speak a sentence of a box: a finished upload of
// the actor, of which the levelled copy is kept.
func (s *Service) SetClip(ctx context.Context, actor model.Actor, box, key, upload string) error {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return err
	}
	if !protocol.KnownSentence(key) {
		return model.RefuseField("key", "Boxes have no such sentence.", "Choose one of the list.")
	}
	return s.do(ctx, func(w *work) error {
		d, err := askable(ctx, w, box)
		if err != nil {
			return err
		}
		u, err := w.Upload(ctx, upload)
		if errors.Is(err, store.ErrNotFound) || err == nil && u.OwnerID != actor.UserID {
			return model.RefuseField("file", "The recording has not arrived.", "Choose it again.")
		}
		if err != nil {
			return err
		}
		m := u.Media
		if m.Role != protocol.RoleAudio || m.Duration > model.MaxClip || m.SharedSize > protocol.MaxClipBytes {
			return model.RefuseField("file", "This recording is too long for a sentence.", "Choose one of at most 30 seconds.")
		}
		clip := model.Clip{
			Clip: protocol.Clip{Key: key, SHA256: m.SharedSHA256, Size: m.SharedSize}, DeviceID: box,
			Duration: m.Duration, SetBy: actor.UserID, SetAt: w.now,
		}
		if err := w.SetClip(ctx, clip); err != nil {
			return lookAgain(err)
		}
		if err := w.DeleteUpload(ctx, upload); err != nil {
			return err
		}
		return clipsChanged(ctx, w, d)
	})
}

// RemoveClip lets a box speak a sentence as it was delivered.
func (s *Service) RemoveClip(ctx context.Context, actor model.Actor, box, key string) error {
	if err := allow(actor, model.ManageBoxes); err != nil {
		return err
	}
	return s.do(ctx, func(w *work) error {
		d, err := askable(ctx, w, box)
		if err != nil {
			return err
		}
		ok, err := w.DeleteClip(ctx, box, key)
		if err == nil && !ok {
			err = model.NotFound("recording")
		}
		if err != nil {
			return err
		}
		return clipsChanged(ctx, w, d)
	})
}

// clipsChanged gives the list its name and lets the box know of it, as of any
// other of its settings.
func clipsChanged(ctx context.Context, w *work, d model.Device) error {
	clips, err := w.Clips(ctx, d.ID)
	if err != nil {
		return err
	}
	site := d.Site
	site.Clips = setOf(clips)
	if site.Clips == d.Site.Clips {
		return nil
	}
	site.Version++
	w.after(func(t Teller) { t.Settings(d.ID, SettingsOf(site)); t.BoxesChanged() })
	return w.SetDeviceSite(ctx, d.ID, site)
}

// setOf names a list of clips by what is in it; empty for none.
func setOf(clips []model.Clip) string {
	if len(clips) == 0 {
		return ""
	}
	h := sha256.New()
	for _, c := range clips {
		fmt.Fprintf(h, "%s %s\n", c.Key, c.SHA256) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ClipsOf lists the clips of a box, for the box.
func (s *Service) ClipsOf(ctx context.Context, device string) (protocol.Clips, error) {
	out := protocol.Clips{Clips: []protocol.Clip{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		clips, err := tx.Clips(ctx, device)
		if err != nil {
			return err
		}
		out = protocol.Clips{Set: setOf(clips), Clips: []protocol.Clip{}}
		for _, c := range clips {
			out.Clips = append(out.Clips, c.Clip)
		}
		return nil
	})
	return out, err
}

// MayHearClip reports whether bytes are a clip of a box.
func (s *Service) MayHearClip(ctx context.Context, device, digest string) (bool, error) {
	var ok bool
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		ok, err = tx.DeviceHasClip(ctx, device, digest)
		return err
	})
	return ok, err
}

// Clip finds a clip of a box for people who may see boxes.
func (s *Service) Clip(ctx context.Context, actor model.Actor, box, key string) (model.Clip, error) {
	if err := allow(actor, model.SeeBoxes); err != nil {
		return model.Clip{}, err
	}
	var found model.Clip
	err := s.db.View(ctx, func(tx *store.Tx) error {
		clips, err := tx.Clips(ctx, box)
		if err != nil {
			return err
		}
		for _, c := range clips {
			if c.Key == key {
				found = c
				return nil
			}
		}
		return model.NotFound("recording")
	})
	return found, err
}
