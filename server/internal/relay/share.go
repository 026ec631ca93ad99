package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// MaxShares bounds the links to one whisper.
const MaxShares = 50

// touchShare is how exactly a link's last use is kept.
const touchShare = time.Hour

// Share makes a read-only link to a whisper for people without an account. The
// secret is returned once, and stored as a hash.
func (s *Service) Share(ctx context.Context, actor model.Actor, whisper, label string, days int, hideFaces bool) (string, model.ShareLink, error) {
	var link model.ShareLink
	if !slices.Contains([]int{7, 30, 90}, days) {
		return "", link, model.RefuseField("days", "This time is not on offer.", "Choose 7, 30 or 90 days.")
	}
	label, err := model.CleanTitle("label", label)
	if err != nil {
		return "", link, err
	}
	secret := rand.Text()
	err = s.do(ctx, func(w *work) error {
		wh, _, err := s.whisperOf(ctx, w.Tx, actor, whisper, model.Share)
		if err != nil {
			return err
		}
		old, err := w.Shares(ctx, whisper, MaxShares)
		if err != nil {
			return err
		}
		if len(old) == MaxShares {
			return model.Refuse(protocol.CodeConflict, "This whisper has been shared fifty times.", "Use one of the links that are there.")
		}
		link = model.ShareLink{
			ID: store.NewID(), TokenHash: protocol.HashSecret(secret), WhisperID: whisper, Label: label, HideFaces: hideFaces,
			CreatedBy: actor.UserID, CreatedAt: w.now, ExpiresAt: w.now.AddDate(0, 0, days),
		}
		w.events = append(w.events, model.Event{ProjectID: wh.ProjectID, WhisperID: whisper, UserID: actor.UserID, Kind: model.EventShared, At: w.now})
		return w.AddShare(ctx, link)
	})
	return secret, link, err
}

// Shares lists a whisper's links, newest first.
func (s *Service) Shares(ctx context.Context, actor model.Actor, whisper string) ([]model.ShareLink, error) {
	var list []model.ShareLink
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, _, err := s.whisperOf(ctx, tx, actor, whisper, model.Share)
		if err == nil {
			list, err = tx.Shares(ctx, whisper, MaxShares)
		}
		return err
	})
	return list, err
}

// RevokeShare ends a link at once, also for those who look at it now.
func (s *Service) RevokeShare(ctx context.Context, actor model.Actor, id string) (whisper string, err error) {
	err = s.do(ctx, func(w *work) error {
		link, err := w.Share(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("link")
		}
		if err != nil {
			return err
		}
		whisper = link.WhisperID
		if _, _, err = s.whisperOf(ctx, w.Tx, actor, whisper, model.Share); err != nil {
			if e, ok := model.AsError(err); ok && e.Code == protocol.CodeNotFound {
				return model.NotFound("link")
			}
			return err
		}
		_, err = w.RevokeShare(ctx, id, w.now)
		return err
	})
	return whisper, err
}

// Shared is what a link shows: the chain of one whisper, without the team, its
// history and its mails, and without answers that can still be taken back. A link that never was, is over or was revoked is the
// same refusal.
func (s *Service) Shared(ctx context.Context, secret string) (View, error) {
	var v View
	var link model.ShareLink
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		link, err = tx.ShareByToken(ctx, protocol.HashSecret(secret))
		if errors.Is(err, store.ErrNotFound) || err == nil && (!link.RevokedAt.IsZero() || !s.now().Before(link.ExpiresAt)) {
			return model.NotFound("link")
		}
		return err
	})
	if err != nil {
		return v, err
	}
	if v, err = s.view(ctx, link.WhisperID); err != nil {
		return v, err
	}
	v.hideRecallable(s.now())
	v.Files = slices.DeleteFunc(v.Files, func(f model.File) bool {
		hop, ok := v.Whisper.HopByID(f.HopID)
		beside := ok && hop.ReplyID != f.ReplyID // an answer that went to nobody
		return beside || f.Variant != model.VariantShared || link.HideFaces && f.Role == protocol.RoleImage
	})
	v.Replies = nil
	now := s.now()
	if now.Sub(link.LastUsedAt) >= touchShare {
		if err := s.db.Tx(ctx, func(tx *store.Tx) error { return tx.TouchShare(ctx, link.ID, now, now) }); err != nil {
			// Whoever only reads, reads on when the disk is full.
			s.log.Warn("a link's use was not written down", "error", err)
		}
	}
	return v, nil
}
