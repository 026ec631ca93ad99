package relay

import (
	"context"
	"iter"
	"slices"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// ExportWish says what of a project is to be taken away.
type ExportWish struct {
	Project  string               `json:"project"`
	Whispers []string             `json:"whispers,omitempty"` // ids; none: all
	States   []model.WhisperState `json:"states,omitempty"`   // none: all
	Since    time.Time            `json:"since,omitzero"`     // started at or after
	Until    time.Time            `json:"until,omitzero"`     // started before
	Media    bool                 `json:"media"`              // with recordings and pictures
	// Originals adds pictures as they came, place and camera data included, and
	// the levelled copies of recordings.
	Originals bool `json:"originals"`
}

func (w ExportWish) takes(r WhisperRow) bool {
	return (len(w.States) == 0 || slices.Contains(w.States, r.State)) &&
		(w.Since.IsZero() || !r.StartedAt.Before(w.Since)) && (w.Until.IsZero() || r.StartedAt.Before(w.Until))
}

// Export is what an export reads. Its lists are loaded while they are walked,
// a whisper at a time, each as it stands at that moment.
type Export struct {
	Wish    ExportWish
	Project model.Project
	At      time.Time
	s       *Service
}

// Export opens a project's data for somebody who may take it away, and writes
// down that it was done. Recordings and pictures ask for more than data alone.
func (s *Service) Export(ctx context.Context, actor model.Actor, wish ExportWish) (*Export, error) {
	e := &Export{Wish: wish, s: s}
	verb := exportVerb(wish)
	err := s.do(ctx, func(w *work) (err error) {
		if e.Project, err = s.projectOf(ctx, w.Tx, actor, wish.Project, verb); err != nil {
			return err
		}
		for _, id := range wish.Whispers {
			wh, _, err := s.whisperOf(ctx, w.Tx, actor, id, verb)
			if err != nil {
				return err
			}
			if wh.ProjectID != wish.Project {
				return model.NotFound("whisper")
			}
		}
		e.At = w.now
		detail := "data"
		if wish.Media {
			detail = "data and media"
		}
		w.events = append(w.events, model.Event{ProjectID: wish.Project, UserID: actor.UserID, Kind: model.EventExported, Detail: detail, At: w.now})
		return nil
	})
	return e, err
}

// Whispers walks the chosen whispers, oldest first, drafts left out, without the
// files of answers that can still be taken back.
func (e *Export) Whispers(ctx context.Context) iter.Seq2[View, error] {
	return func(yield func(View, error) bool) {
		ids, err := e.ids(ctx)
		if err != nil {
			yield(View{}, err)
			return
		}
		for _, id := range ids {
			v, err := e.s.view(ctx, id)
			v.hideRecallable(e.At)
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

func (e *Export) ids(ctx context.Context) ([]string, error) {
	if len(e.Wish.Whispers) > 0 {
		return slices.Sorted(slices.Values(e.Wish.Whispers)), nil
	}
	var ids []string
	for after := ""; ; {
		var rows []WhisperRow
		err := e.s.db.View(ctx, func(tx *store.Tx) (err error) {
			rows, err = tx.Whispers(ctx, e.Project.ID, store.MaxPage, after)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			after = r.ID
			if r.State != model.WhisperDraft && e.Wish.takes(r) {
				ids = append(ids, r.ID)
			}
		}
		if len(rows) < store.MaxPage {
			slices.Reverse(ids)
			return ids, nil
		}
	}
}

// hideRecallable leaves the files out of answers that their citizens can still
// take back: once out of the house, nobody could bring them back.
func (v *View) hideRecallable(now time.Time) {
	v.Files = slices.DeleteFunc(v.Files, func(f model.File) bool {
		h, ok := v.Whisper.HopByID(f.HopID)
		ended := v.Whisper.State == model.WhisperEnded && ok && now.Before(h.HoldUntil) // as route has it
		return ok && h.ReplyID == f.ReplyID && (h.State == model.HopHeld || ended)
	})
}

// view is a whisper with its boxes, files and replies, for those who were let in.
func (s *Service) view(ctx context.Context, id string) (View, error) {
	var v View
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v = View{Boxes: map[string]model.Device{}}
		if v.Whisper, err = tx.Whisper(ctx, id); err != nil {
			return err
		}
		for _, h := range v.Whisper.Hops {
			if _, ok := v.Boxes[h.DeviceID]; ok {
				continue
			}
			if v.Boxes[h.DeviceID], err = tx.Device(ctx, h.DeviceID); err != nil {
				return err
			}
		}
		if v.Files, err = tx.FilesByWhisper(ctx, id); err != nil {
			return err
		}
		v.Replies, err = tx.RepliesByWhisper(ctx, id)
		return err
	})
	return v, err
}

// Events walks a whisper's history, oldest first; for an empty id what belongs
// to the project and to no whisper.
func (e *Export) Events(ctx context.Context, whisper string) iter.Seq2[model.Event, error] {
	return func(yield func(model.Event, error) bool) {
		var last model.Event
		for {
			var page []model.Event
			err := e.s.db.View(ctx, func(tx *store.Tx) (err error) {
				if whisper == "" {
					page, err = tx.EventsOfProjectAfter(ctx, e.Project.ID, last.Seq, store.MaxPage)
				} else {
					page, err = tx.EventsOfWhisperAfter(ctx, whisper, last.At, last.ID, store.MaxPage)
				}
				return err
			})
			if err != nil {
				yield(model.Event{}, err)
				return
			}
			for _, ev := range page {
				last = ev
				if ev.WhisperID == whisper && !yield(ev, nil) {
					return
				}
			}
			if len(page) < store.MaxPage {
				return
			}
		}
	}
}
