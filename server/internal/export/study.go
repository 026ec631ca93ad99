package export

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Format is the name and version of study.json; it changes when a reader has to.
const Format = "illumi-study-1"

// Schema describes study.json (JSON Schema 2020-12).
//
//go:embed study.schema.json
var Schema []byte

type (
	chainDoc struct {
		Whisper     string      `json:"whisper"`
		ID          string      `json:"id"`
		Title       string      `json:"title"`
		State       string      `json:"state"`
		StartedBy   string      `json:"started_by"`
		StartedAt   *time.Time  `json:"started_at"`
		CompletedAt *time.Time  `json:"completed_at"`
		EndedAt     *time.Time  `json:"ended_at"`
		Order       orderDoc    `json:"order"`
		Policy      policyDoc   `json:"policy"`
		Origin      []fileDoc   `json:"origin"`
		Turns       []turnDoc   `json:"turns"`
		Beside      []answerDoc `json:"beside"` // late answers, and those taken back
	}
	orderDoc struct {
		Algorithm string     `json:"algorithm"`
		Seed      string     `json:"seed"`
		Input     []string   `json:"input"`
		Rows      [][]string `json:"rows,omitempty"`
		Batch     string     `json:"batch,omitempty"`
		Number    int        `json:"number,omitempty"`
		Software  string     `json:"software,omitempty"`
		Planned   []string   `json:"planned"`
		Travelled []string   `json:"travelled"`
	}
	policyDoc struct {
		Forwarding    string  `json:"forwarding"`
		HoldSeconds   float64 `json:"hold_seconds"`
		RemindSeconds float64 `json:"remind_seconds"`
		AskSeconds    float64 `json:"ask_seconds"`
		SkipSeconds   float64 `json:"skip_seconds"`
		SkipMode      string  `json:"skip_mode"`
		TurnsPerWeek  int     `json:"turns_per_week"`
	}
	turnDoc struct {
		Position        int        `json:"position"`
		PlannedPosition int        `json:"planned_position"` // 0: added later
		Participant     string     `json:"participant"`
		State           string     `json:"state"`
		Reason          string     `json:"reason,omitempty"`
		OfferedAt       *time.Time `json:"offered_at"`
		DeliveredAt     *time.Time `json:"delivered_at"`
		HeardAt         *time.Time `json:"heard_at"`
		ReceivedAt      *time.Time `json:"received_at"`
		ApprovedAt      *time.Time `json:"approved_at"`
		EndedAt         *time.Time `json:"ended_at"`
		Answer          *answerDoc `json:"answer"`
	}
	answerDoc struct {
		ID          string         `json:"id"`
		Position    int            `json:"position"`
		Participant string         `json:"participant"`
		State       string         `json:"state"`
		Take        int            `json:"take"`
		ReceivedAt  *time.Time     `json:"received_at"`
		Facts       protocol.Facts `json:"facts"`
		Files       []fileDoc      `json:"files"`
	}
	fileDoc struct {
		Role    string  `json:"role"`
		Variant string  `json:"variant"`
		Name    string  `json:"name"` // in this ZIP; empty: left out
		Size    int64   `json:"size"`
		SHA256  string  `json:"sha256"`
		Type    string  `json:"type"`
		Seconds float64 `json:"seconds,omitempty"`
		Width   int     `json:"width,omitempty"`
		Height  int     `json:"height,omitempty"`
	}
)

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func chainDocOf(v relay.View, chain string, media map[string]string) chainDoc {
	w := v.Whisper
	d := chainDoc{
		Whisper: chain, ID: w.ID, Title: w.Title, State: string(w.State), StartedBy: w.StartedBy,
		StartedAt: when(w.StartedAt), CompletedAt: when(w.CompletedAt), EndedAt: when(w.EndedAt),
		Order: orderDoc{Algorithm: w.Order.Algorithm, Seed: w.Order.Seed, Input: w.Order.Input, Rows: w.Policy.Rows,
			Batch: w.Policy.Batch, Number: w.Policy.Number, Software: w.Policy.Software, Planned: planned(v)},
		Policy: policyDoc{Forwarding: string(w.Forwarding), HoldSeconds: w.Hold.Seconds(),
			RemindSeconds: w.Policy.Deadlines.Remind.Seconds(), AskSeconds: w.Policy.Deadlines.Ask.Seconds(),
			SkipSeconds: w.Policy.Deadlines.Skip.Seconds(), SkipMode: string(w.Policy.Deadlines.Mode), TurnsPerWeek: w.Policy.TurnsPerWeek},
		Origin: fileDocs(v, "", true, media), Turns: []turnDoc{}, Beside: []answerDoc{},
	}
	d.Order.Travelled = []string{}
	for _, h := range w.Hops {
		name := v.Boxes[h.DeviceID].Name
		t := turnDoc{Position: h.Position, PlannedPosition: h.Course.Planned, Participant: name, State: string(h.State), Reason: h.Course.Why,
			OfferedAt: when(h.OfferedAt), DeliveredAt: when(h.DeliveredAt), HeardAt: when(h.HeardAt), ReceivedAt: when(h.ReceivedAt),
			ApprovedAt: when(h.ApprovedAt), EndedAt: when(h.EndedAt)}
		if r := replyOf(v, h.ReplyID); r != nil {
			a := answerDocOf(v, h, *r, media)
			t.Answer = &a
			d.Order.Travelled = append(d.Order.Travelled, name)
		}
		d.Turns = append(d.Turns, t)
		for _, r := range v.Replies {
			if r.HopID == h.ID && r.ID != h.ReplyID {
				d.Beside = append(d.Beside, answerDocOf(v, h, r, media))
			}
		}
	}
	return d
}

// planned is the order as it was drawn: by planned position, added turns left out.
func planned(v relay.View) []string {
	out := make([]string, len(v.Whisper.Hops))
	n := 0
	for _, h := range v.Whisper.Hops {
		if p := h.Course.Planned; p >= 1 && p <= len(out) {
			out[p-1] = v.Boxes[h.DeviceID].Name
			n = max(n, p)
		}
	}
	return out[:n]
}

func answerDocOf(v relay.View, h model.Hop, r model.Reply, media map[string]string) answerDoc {
	return answerDoc{ID: r.ID, Position: h.Position, Participant: v.Boxes[h.DeviceID].Name, State: string(r.State), Take: r.Take,
		ReceivedAt: when(r.ReceivedAt), Facts: r.Facts, Files: fileDocs(v, r.ID, false, media)}
}

func fileDocs(v relay.View, reply string, seed bool, media map[string]string) []fileDoc {
	docs := []fileDoc{}
	for _, f := range filesOf(v, reply, seed) {
		docs = append(docs, fileDoc{Role: string(f.Role), Variant: string(f.Variant), Name: media[f.ID], Size: f.Size, SHA256: f.SHA256,
			Type: f.Type, Seconds: f.Duration.Seconds(), Width: f.Width, Height: f.Height})
	}
	return docs
}

// value adds one JSON value to a spooled list.
func (s *spool) value(v any) error {
	text, err := json.MarshalIndent(v, "    ", "  ")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if s.begun {
		text = append([]byte(",\n    "), text...)
	}
	s.begun = true
	_, err = s.Write(text)
	return err
}

// study writes study.json around the spooled whispers.
func (w *writer) study(out io.Writer, whispers *spool) error {
	head, err := json.MarshalIndent(map[string]any{
		"format": Format, "exported_at": w.head.At.UTC(), "software": w.head.Software, "wish": w.head.Wish,
		"project":      map[string]any{"id": w.head.Project.ID, "title": w.head.Project.Title, "created_at": w.head.Project.CreatedAt.UTC(), "forwarding": w.head.Project.Forwarding, "hold_seconds": w.head.Project.Hold.Seconds()},
		"participants": w.people.names(),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	open := strings.TrimSuffix(string(head), "\n}")
	if _, err := io.WriteString(out, open+",\n  \"whispers\": [\n    "); err != nil {
		return err
	}
	if err := whispers.copyTo(out); err != nil {
		return err
	}
	_, err = io.WriteString(out, "\n  ]\n}\n")
	return err
}
