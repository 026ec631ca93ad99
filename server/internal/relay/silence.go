package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Rounds of Watch. After a start boxes get some time to come back: while the
// server was down it heard nobody, and that is no box's fault.
const (
	watchEvery  = 5 * time.Minute
	watchBoxes  = 15 * time.Minute
	silentAfter = model.DarkAfter
	// maxSilent is how many boxes administrators get a mail each about in one
	// round. Where a network fails, the rest is one more mail.
	maxSilent = 10
)

// Watch tells people of boxes that fall silent, and sends the digests, until
// ctx ends. Several servers may run it: nobody gets two mails for the same.
func (s *Service) Watch(ctx context.Context) error {
	boxes := time.NewTimer(watchBoxes)
	defer boxes.Stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	sent := Digested{}
	for ready := false; ; {
		err := s.TellDigests(ctx, sent)
		if ready {
			err = errors.Join(err, s.TellSilent(ctx))
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("people could not be told what goes on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-boxes.C:
			ready = true
		case <-tick.C:
		}
	}
}

// TellSilent looks through all boxes once. Of a box that is silent for a day's waking time
// people hear once, and once more when it is back.
func (s *Service) TellSilent(ctx context.Context) error {
	var failed []error
	silent := 0
	for after := ""; ; {
		var page []model.Device
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.Devices(ctx, store.MaxPage, after)
			return err
		})
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		now := s.now()
		for _, d := range page {
			after = d.Name
			if !fellSilent(d, now) && !cameBack(d) {
				continue
			}
			fell, err := s.tellSilence(ctx, d.ID, silent < maxSilent)
			if err != nil {
				failed = append(failed, fmt.Errorf("relay: tell how box %s is: %w", d.ID, err))
			}
			if fell && err == nil {
				silent++
			}
		}
		if len(page) < store.MaxPage {
			return errors.Join(append(failed, s.tellMoreSilent(ctx, silent-maxSilent))...)
		}
	}
}

func (s *Service) tellMoreSilent(ctx context.Context, more int) error {
	if more <= 0 {
		return nil
	}
	return s.do(ctx, func(w *work) error {
		return s.tellAdmins(ctx, w, MailBoxSilent, "silent:more:"+store.NewID(), News{Count: more, Link: "/boxes"})
	})
}

// fellSilent reports whether somebody is to be told now that a box is silent.
// Nobody misses a box that never was online, or that was removed.
func fellSilent(d model.Device, now time.Time) bool {
	return d.RevokedAt.IsZero() && !d.ConnectedAt.IsZero() && d.SilentToldAt.IsZero() && silentFor(d, now)
}

// silentFor reports whether a box has missed a day's worth of the hours in
// which somebody is awake there (people.md 2.5, E_OFFLINE): one that is
// unplugged for the night is nobody's worry.
func silentFor(d model.Device, now time.Time) bool {
	if now.Before(d.LastSeenAt.Add(silentAfter)) {
		return false // the usual case, without a calendar
	}
	c, err := route.ClockOf(d.Site.Hours)
	if err != nil { // written by hand; no reason to be silent about it
		return true
	}
	return !now.Before(route.After(d.LastSeenAt, silentAfter, c))
}

func cameBack(d model.Device) bool {
	return d.RevokedAt.IsZero() && !d.SilentToldAt.IsZero() && d.LastSeenAt.After(d.SilentToldAt)
}

// tellSilence tells of one box; fell says that it was silent. Administrators
// get a mail about it if it is to be named to them.
func (s *Service) tellSilence(ctx context.Context, id string, named bool) (fell bool, err error) {
	err = s.do(ctx, func(w *work) error {
		fell = false
		d, err := w.Device(ctx, id)
		switch {
		case err != nil:
			return err
		case cameBack(d):
			return s.tellBack(ctx, w, d)
		case fellSilent(d, w.now):
			fell, err = s.tellFellSilent(ctx, w, d, named)
			return err
		}
		return nil // heard meanwhile
	})
	return fell, err
}

// silence names one silence of a box in the mails' once-keys.
func silence(d model.Device, told time.Time) string {
	return "silent:" + d.ID + ":" + strconv.FormatInt(told.UnixMicro(), 36)
}

func (s *Service) tellFellSilent(ctx context.Context, w *work, d model.Device, named bool) (fell bool, err error) {
	fell, err = w.TellSilent(ctx, d, w.now)
	if err != nil || !fell {
		return false, err
	}
	n := News{Box: d, Since: d.LastSeenAt, Link: "/boxes/" + d.ID}
	var projects []model.Project
	err = s.waitingFor(ctx, w, d, func(p model.Project, _ model.Whisper, _ model.Hop) error {
		n.Count++
		projects = append(projects, p)
		return nil
	})
	if err != nil {
		return false, err
	}
	once := silence(d, w.now)
	for _, p := range projects {
		about := n
		about.Project = p
		if err := s.tellProject(ctx, w, MailBoxSilent, once, about); err != nil {
			return false, err
		}
	}
	w.after(func(t Teller) { t.BoxesChanged() })
	if named {
		err = s.tellAdmins(ctx, w, MailBoxSilent, once, n)
	}
	return err == nil, err
}

// tellBack writes to everyone who was told of the silence, and whose account
// still works.
func (s *Service) tellBack(ctx context.Context, w *work, d model.Device) error {
	ok, err := w.TellSilent(ctx, d, time.Time{})
	if err != nil || !ok {
		return err
	}
	once := silence(d, d.SilentToldAt)
	told, err := w.MailsFor(ctx, once)
	if err != nil {
		return err
	}
	for _, m := range told {
		u, err := w.UserByEmail(ctx, m.To)
		if errors.Is(err, store.ErrNotFound) {
			continue // has another address now
		}
		if err != nil {
			return err
		}
		n := News{Box: d, Since: d.SilentToldAt, Link: "/boxes/" + d.ID}
		if m.ProjectID != "" {
			if n.Project, err = w.Project(ctx, m.ProjectID); err != nil {
				return err
			}
		}
		if u.Ended(w.now) {
			continue
		}
		if err := s.tell1(ctx, w, u, MailBoxBack, "back"+once[len("silent"):], n); err != nil {
			return err
		}
	}
	w.after(func(t Teller) { t.BoxesChanged() })
	return nil
}
