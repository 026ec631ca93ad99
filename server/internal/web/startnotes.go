package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// boxNote is what somebody should know of a box before giving it a turn.
type boxNote struct {
	Icon string
	Text string
	At   time.Time // follows the text where it is set, as a time that has passed
}

// notesOf are the notes on a box that gets so many new turns.
func notesOf(here presence, l relay.Load, turns, perWeek int) []boxNote {
	var notes []boxNote
	switch here.Kind {
	case model.PresenceDark:
		notes = append(notes, boxNote{"dark", "Silent; a whisper waits here until it is back. Last seen", here.Seen})
	case model.PresenceNever:
		notes = append(notes, boxNote{Icon: "never", Text: "Was never online; a whisper waits here until it is."})
	}
	if l.Waiting > 0 {
		notes = append(notes, boxNote{Icon: "queued", Text: "Has " + plural(l.Waiting, "turn", "turns") + " waiting."})
	}
	if wait := l.Wait(turns, perWeek); wait > 0 {
		notes = append(notes, boxNote{Icon: "held", Text: fmt.Sprintf("May wait about %s: asked at most %s a week.", weeks(wait), times(perWeek))})
	}
	return notes
}

func weeks(d time.Duration) string { return plural(int(d/(7*24*time.Hour)), "week", "weeks") }

// startWarning is what to know of a box of the plan before the start.
type startWarning struct {
	Box   string
	Notes []boxNote
}

// annotate adds to each box what is to be known of it, and to a plan what is
// to be known of its boxes.
func (w *Web) annotate(ctx context.Context, who model.Actor, v *startView, devices []model.Device) error {
	loads, err := w.Relay.Loads(ctx, who, devices)
	if err != nil {
		return err
	}
	perWeek := v.Project.Settings.TurnsPerWeek
	turns := map[string]int{} // by name, as a plan has them
	for _, row := range v.Plan {
		for _, name := range row {
			turns[strings.ToLower(name)]++
		}
	}
	for i := range v.Boxes {
		b := &v.Boxes[i]
		b.Notes = notesOf(b.Presence, loads[b.ID], 1, perWeek)
		n := turns[strings.ToLower(b.Name)]
		if notes := notesOf(b.Presence, loads[b.ID], n, perWeek); n > 0 && len(notes) > 0 {
			v.Warnings = append(v.Warnings, startWarning{b.Name, notes})
		}
	}
	return nil
}
