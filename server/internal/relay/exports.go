package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// maxPrepared bounds the exports of a project that wait or lie ready.
const maxPrepared = 10

// PrepareExport queues an export that the server makes ready; who asked gets a
// mail when it can be fetched.
func (s *Service) PrepareExport(ctx context.Context, actor model.Actor, wish ExportWish) (model.Prepared, error) {
	text, err := json.Marshal(wish)
	if err != nil || len(text) > 4000 {
		return model.Prepared{}, model.RefuseField("whispers", "These are too many whispers to choose one by one.", "Export all of them, or by date.")
	}
	var p model.Prepared
	err = s.do(ctx, func(w *work) error {
		if _, err := s.projectOf(ctx, w.Tx, actor, wish.Project, exportVerb(wish)); err != nil {
			return err
		}
		old, err := w.Exports(ctx, wish.Project, maxPrepared)
		if err != nil {
			return err
		}
		if len(old) == maxPrepared {
			return model.Refuse(protocol.CodeConflict, "This project has ten exports here already.", "Delete one first, or download directly.")
		}
		p = model.Prepared{
			ID: store.NewID(), ProjectID: wish.Project, UserID: actor.UserID, Wish: string(text), State: model.PreparedQueued,
			CreatedAt: w.now, ExpiresAt: w.now.Add(model.PreparedLifetime),
		}
		return w.AddExport(ctx, p)
	})
	return p, err
}

func exportVerb(wish ExportWish) model.Verb {
	if wish.Media {
		return model.Export
	}
	return model.ExportData
}

// Prepared lists a project's exports that lie on the server, newest first.
func (s *Service) Prepared(ctx context.Context, actor model.Actor, project string) ([]model.Prepared, error) {
	var list []model.Prepared
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := s.projectOf(ctx, tx, actor, project, model.ExportData)
		if err == nil {
			list, err = tx.Exports(ctx, project, maxPrepared)
		}
		return err
	})
	return list, err
}

// PreparedExport finds one that the actor may fetch, and writes down that it is.
func (s *Service) PreparedExport(ctx context.Context, actor model.Actor, id string) (model.Prepared, error) {
	var p model.Prepared
	err := s.do(ctx, func(w *work) (err error) {
		if p, err = s.preparedOf(ctx, w.Tx, actor, id); err != nil {
			return err
		}
		if p.State != model.PreparedReady || !w.now.Before(p.ExpiresAt) {
			return model.Refuse(protocol.CodeConflict, "This export cannot be fetched.", "Look at the export page to see where it stands.")
		}
		w.events = append(w.events, model.Event{ProjectID: p.ProjectID, UserID: actor.UserID, Kind: model.EventExported, Detail: "prepared " + p.ID, At: w.now})
		return nil
	})
	return p, err
}

// ExportState finds one that the actor may fetch, wherever it stands.
func (s *Service) ExportState(ctx context.Context, actor model.Actor, id string) (model.Prepared, error) {
	var p model.Prepared
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = s.preparedOf(ctx, tx, actor, id)
		return err
	})
	return p, err
}

// DropExport deletes a prepared export; its file goes with the next sweep.
func (s *Service) DropExport(ctx context.Context, actor model.Actor, id string) (model.Prepared, error) {
	var p model.Prepared
	err := s.do(ctx, func(w *work) (err error) {
		if p, err = s.preparedOf(ctx, w.Tx, actor, id); err != nil {
			return err
		}
		return w.DeleteExport(ctx, id)
	})
	return p, err
}

func (s *Service) preparedOf(ctx context.Context, tx *store.Tx, actor model.Actor, id string) (model.Prepared, error) {
	p, err := tx.Export(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return p, model.NotFound("export")
	}
	if err != nil {
		return p, err
	}
	var wish ExportWish
	if err := json.Unmarshal([]byte(p.Wish), &wish); err != nil {
		return p, fmt.Errorf("relay: read export %s: %w", id, err)
	}
	if _, err = s.projectOf(ctx, tx, actor, p.ProjectID, exportVerb(wish)); err != nil {
		if e, ok := model.AsError(err); ok && e.Code == protocol.CodeNotFound {
			err = model.NotFound("export")
		}
	}
	return p, err
}

// NextExport gives a worker the export that waits longest. Nobody's rights are
// asked again: they were when it was queued, and are when it is fetched.
func (s *Service) NextExport(ctx context.Context, worker string, lease time.Duration) (p model.Prepared, e *Export, ok bool, err error) {
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		now := s.now()
		if p, ok, err = tx.LeaseExport(ctx, now, now.Add(lease), worker); err != nil || !ok {
			return err
		}
		e = &Export{s: s, At: now.Truncate(time.Microsecond)}
		if err := json.Unmarshal([]byte(p.Wish), &e.Wish); err != nil {
			return fmt.Errorf("relay: read export %s: %w", p.ID, err)
		}
		e.Project, err = tx.Project(ctx, p.ProjectID)
		return err
	})
	return p, e, ok && err == nil, err
}

// KeepExport renews a worker's lease; false says that it is lost.
func (s *Service) KeepExport(ctx context.Context, id, worker string, lease time.Duration) (kept bool, err error) {
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		kept, err = tx.RenewExport(ctx, id, worker, s.now().Add(lease))
		return err
	})
	return kept, err
}

// FinishExport records what became of an export and mails who asked for it.
func (s *Service) FinishExport(ctx context.Context, p model.Prepared, worker string) error {
	return s.do(ctx, func(w *work) error {
		p.DoneAt = w.now
		done, err := w.FinishExport(ctx, p, worker)
		if err != nil || !done || p.State != model.PreparedReady && p.State != model.PreparedFailed {
			return err
		}
		project, err := w.Project(ctx, p.ProjectID)
		if err != nil {
			return err
		}
		return s.tellUser(ctx, w, p.UserID, MailExportReady, "export:"+p.ID, News{
			Project: project, Reason: p.LastError, Link: "/projects/" + p.ProjectID + "/export",
		})
	})
}

// ExpiredExports forgets the exports whose time is over and names them.
func (s *Service) ExpiredExports(ctx context.Context) (ids []string, err error) {
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		if ids, err = tx.ExpiredExports(ctx, s.now(), batch); err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.DeleteExport(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}

// HasExport reports whether an export is still known.
func (s *Service) HasExport(ctx context.Context, id string) (has bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Export(ctx, id)
		if has = err == nil; errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return has, err
}
