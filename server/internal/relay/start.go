package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// StartRequest asks for one or more whispers from one seed image and recording.
type StartRequest struct {
	ProjectID string
	Title     string
	// Image and Audio are finished uploads of the asker; Image may be empty.
	Image, Audio string
	Alt          string   // what the image shows, in words
	Boxes        []string // device ids
	Count        int      // how many whispers, each with its own order; 0 means 1
	Seed         string   // 64 hex digits; empty: drawn
	// Design says how the order comes about; empty is Shuffled.
	Design Design
	// Rows is the table of an Uploaded design, as text; its names are the boxes.
	Rows string
	// Key makes the request repeatable: the same key starts nothing twice.
	Key string
	// Digest is of the whole request; another one with the same key is refused.
	// Empty: whatever comes with the key is the same.
	Digest string
}

// Start creates whispers and sends them on their way. Boxes need not be
// online: a whisper waits for a sleeping box.
func (s *Service) Start(ctx context.Context, actor model.Actor, r StartRequest) ([]model.Whisper, error) {
	title, err := checkStart(&r)
	if err != nil {
		return nil, err
	}
	var started []model.Whisper
	err = s.do(ctx, func(w *work) error {
		project, err := s.projectOf(ctx, w.Tx, actor, r.ProjectID, model.Steer)
		if err != nil {
			return err
		}
		if started, err = earlierStart(ctx, w, actor, r); err != nil || started != nil {
			return err
		}
		media, err := seedMedia(ctx, w, actor, r)
		if e, ok := model.AsError(err); ok && e.Code == protocol.CodeUploadUnknown {
			// Gone between two looks: the same request, sent twice, was quicker there.
			found, again := earlierStart(ctx, w, actor, r)
			if again != nil || found != nil {
				started = found
				return again
			}
		}
		if err != nil {
			return err
		}
		plan, boxes, err := planOf(ctx, w.Tx, r)
		if err != nil {
			return err
		}
		batch := store.NewID()
		for k, order := range plan.Orders {
			name := title
			if len(plan.Orders) > 1 {
				name = numbered(title, k+1)
			}
			wh, err := s.startOne(ctx, w, draft{
				actor: actor, project: project, title: name, key: startKey(r.Key, k), digest: r.Digest,
				order: order, row: plan.Rows[k], boxes: boxes, media: media, alt: r.Alt,
				policy: policyOf(project, batch, k),
			})
			if err != nil {
				return err
			}
			started = append(started, wh)
		}
		for _, id := range []string{r.Image, r.Audio} {
			if id == "" {
				continue
			}
			if err := w.DeleteUpload(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return started, err
}

// draft is one whisper of a start before it is made.
type draft struct {
	actor   model.Actor
	project model.Project
	title   string
	key     string
	digest  string
	order   model.Order
	row     []string
	boxes   map[string]string // id by name
	media   []model.Media
	alt     string
	policy  model.Policy
}

func (s *Service) startOne(ctx context.Context, w *work, d draft) (model.Whisper, error) {
	wh := model.Whisper{
		ID: store.NewID(), ProjectID: d.project.ID, Title: d.title, State: model.WhisperDraft,
		Forwarding: d.project.Forwarding, Hold: d.project.Hold, Order: d.order, Policy: d.policy,
		StartedBy: d.actor.UserID, StartKey: d.key, StartDigest: d.digest, CreatedAt: w.now,
	}
	for i, name := range d.row {
		wh.Hops = append(wh.Hops, model.Hop{
			ID: store.NewID(), WhisperID: wh.ID, Position: i + 1, DeviceID: d.boxes[name], State: model.HopPlanned,
			Course: model.Course{Planned: i + 1},
		})
	}
	if err := w.CreateWhisper(ctx, &wh); err != nil {
		return wh, lookAgain(err)
	}
	for _, m := range d.media {
		for _, f := range filesOf(m, w.now) {
			f.WhisperID = wh.ID
			if f.Role == protocol.RoleImage {
				f.Alt = d.alt
			}
			if err := w.AddFile(ctx, f); err != nil {
				return wh, err
			}
		}
	}
	w.by = d.actor.UserID
	return s.step(ctx, w, wh, route.Start{}, nil)
}

// maxAlt bounds the description of a picture, in characters.
const maxAlt = 300

func checkStart(r *StartRequest) (title string, err error) {
	r.Alt = oneLine(r.Alt)
	if title, err = model.CleanTitle("title", r.Title); err != nil {
		return "", err
	}
	switch {
	case r.Audio == "":
		return "", model.RefuseField("audio", "The recording is missing.", "Choose a recording; every whisper starts with a voice.")
	case !utf8.ValidString(r.Alt) || utf8.RuneCountInString(r.Alt) > maxAlt:
		return "", model.RefuseField("alt", "This description is too long.", fmt.Sprintf("Use at most %d characters.", maxAlt))
	case len(r.Key) > 60:
		return "", model.RefuseField("key", "The form is damaged.", "Load the page again.")
	}
	return title, checkDesign(r)
}

// startKey is stored for whisper k of a start; without a key nothing is the same.
func startKey(key string, k int) string {
	if key == "" {
		key = store.NewID()
	}
	return key + "/" + strconv.Itoa(k)
}

func earlierStart(ctx context.Context, w *work, actor model.Actor, r StartRequest) ([]model.Whisper, error) {
	if r.Key == "" {
		return nil, nil
	}
	var found []model.Whisper
	for k := range model.MaxWhispers { // a square or a table makes more than r.Count
		wh, err := w.WhisperByStartKey(ctx, startKey(r.Key, k))
		if errors.Is(err, store.ErrNotFound) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		ours := wh.StartedBy == actor.UserID && wh.ProjectID == r.ProjectID
		if !ours && r.Digest == "" {
			return nil, model.RefuseField("key", "The form is damaged.", "Load the page again.")
		}
		if !ours || r.Digest != "" && wh.StartDigest != "" && wh.StartDigest != r.Digest {
			return nil, model.RefuseField("key", "This key came with another request before, which was carried out.", "Send a repetition as it was, and a new start with a key of its own.")
		}
		found = append(found, wh)
	}
	return found, nil
}

// lookAgain answers a row that another transaction was quicker to write: a
// second look finds it and answers as to any repetition.
func lookAgain(err error) error {
	if errors.Is(err, store.ErrExists) {
		return errors.Join(store.ErrConflict, err)
	}
	return err
}

func seedMedia(ctx context.Context, w *work, actor model.Actor, r StartRequest) ([]model.Media, error) {
	var media []model.Media
	for _, part := range []struct {
		field, id string
		role      protocol.Role
	}{{"audio", r.Audio, protocol.RoleAudio}, {"image", r.Image, protocol.RoleImage}} {
		if part.id == "" {
			continue
		}
		u, err := w.Upload(ctx, part.id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (u.OwnerID != actor.UserID || u.Media.Role != part.role) {
			return nil, &model.Error{
				Code: protocol.CodeUploadUnknown, Field: part.field,
				Sentence: "The file is not here any more.", Next: "Upload it once more.",
			}
		}
		if err != nil {
			return nil, err
		}
		media = append(media, u.Media)
	}
	return media, nil
}

// numbered adds a number to a title without making it too long to show.
func numbered(title string, n int) string {
	suffix := " " + strconv.Itoa(n)
	runes := []rune(title)
	if limit := protocol.MaxNameRunes - len(suffix); len(runes) > limit {
		runes = runes[:limit]
	}
	return string(runes) + suffix
}

// filesOf is the original and the shared copy of a medium.
func filesOf(m model.Media, now time.Time) []model.File {
	return []model.File{
		{
			ID: store.NewID(), Role: m.Role, Variant: model.VariantOriginal, SHA256: m.SHA256, Size: m.Size,
			Type: m.Type, Width: m.Width, Height: m.Height, Duration: m.Duration, CreatedAt: now,
		},
		{
			ID: store.NewID(), Role: m.Role, Variant: model.VariantShared, SHA256: m.SharedSHA256, Size: m.SharedSize,
			Type: m.SharedType, Width: m.SharedWidth, Height: m.SharedHeight, Duration: m.Duration, CreatedAt: now,
		},
	}
}
