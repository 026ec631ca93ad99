package rest

import (
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Whisper is all that there is to see of one whisper.
type Whisper struct {
	ID          string             `json:"id" doc:"Its id"`
	Project     string             `json:"project" doc:"Its project's id"`
	Title       string             `json:"title" doc:"Its name" example:"Gulls"`
	State       model.WhisperState `json:"state" doc:"Where it stands" enum:"draft,travelling,paused,complete,ended"`
	Order       Order              `json:"order" doc:"The record that gives the same order again"`
	StartedAt   *time.Time         `json:"started_at" doc:"When it was started"`
	CompletedAt *time.Time         `json:"completed_at" doc:"When its last answer came"`
	EndedAt     *time.Time         `json:"ended_at" doc:"When somebody ended it"`
	Origin      []File             `json:"origin" nullable:"false" doc:"The files that it started with"`
	Batch       string             `json:"batch,omitempty" doc:"The same for all whispers of one start"`
	Number      int                `json:"number,omitempty" doc:"Which of them it is, from 1"`
	Late        []LateAnswer       `json:"late" nullable:"false" doc:"Answers that came after their turn, kept beside the chain"`
	Hops        []Hop              `json:"hops" nullable:"false" doc:"Its turns, in order"`
}

// Order is a whisper's order as it was drawn.
type Order struct {
	Algorithm string   `json:"algorithm" doc:"docs/randomisation.md has each of them"`
	Seed      string   `json:"seed" doc:"64 hex digits"`
	Input     []string `json:"input" nullable:"false" doc:"The boxes' names, sorted"`
}

// Hop is one turn.
type Hop struct {
	ID          string         `json:"id" doc:"Its id"`
	Position    int            `json:"position" doc:"From 1"`
	Box         string         `json:"box" doc:"The box's id"`
	BoxName     string         `json:"box_name" doc:"The box's name"`
	Version     string         `json:"version" doc:"Changes with every offer and decision; a decision names it" example:"1.0"`
	State       model.HopState `json:"state" doc:"Where it stands" enum:"planned,offered,delivered,heard,received,held,approved,skipped,rejected,withdrawn"`
	Planned     int            `json:"planned,omitempty" doc:"Its position in the order as it was drawn; absent: as position, or added later"`
	NeedsAt     *time.Time     `json:"needs_at" doc:"Since when a person has to decide about it; null: nobody has to"`
	Why         string         `json:"why,omitempty" doc:"Why it was passed over"`
	RemindAt    *time.Time     `json:"remind_at" doc:"When the box says once more that a whisper is there"`
	AskAt       *time.Time     `json:"ask_at" doc:"When people are asked"`
	SkipAt      *time.Time     `json:"skip_at" doc:"When the turn has to be decided about, or is passed over"`
	OfferedAt   *time.Time     `json:"offered_at" doc:"When the box was told"`
	DeliveredAt *time.Time     `json:"delivered_at" doc:"When it lay on the box"`
	HeardAt     *time.Time     `json:"heard_at" doc:"When it was played"`
	ReceivedAt  *time.Time     `json:"received_at" doc:"When the answer was stored here"`
	Files       []File         `json:"files" nullable:"false" doc:"The answer that the chain goes on with"`
}

// LateAnswer came after its turn; nobody else heard it.
type LateAnswer struct {
	Reply      string    `json:"reply" doc:"Its id"`
	Hop        string    `json:"hop" doc:"Of which turn"`
	Box        string    `json:"box" doc:"From which box"`
	ReceivedAt time.Time `json:"received_at" doc:"When it was stored here"`
	Files      []File    `json:"files" nullable:"false" doc:"What it is"`
}

// File describes stored bytes. They are at whispers/{whisper}/files/{id}.
type File struct {
	ID       string        `json:"id" doc:"Its id"`
	Role     protocol.Role `json:"role" doc:"What it is" enum:"image,audio"`
	Variant  model.Variant `json:"variant" doc:"As it came, or the copy that is passed on" enum:"original,shared"`
	Type     string        `json:"type" doc:"Its media type" example:"audio/wav"`
	Size     int64         `json:"size" doc:"In bytes"`
	SHA256   string        `json:"sha256" doc:"Of its bytes, in hex"`
	Seconds  float64       `json:"seconds,omitempty" doc:"How long a recording is"`
	Width    int           `json:"width,omitempty" doc:"Of a picture, in pixels"`
	Height   int           `json:"height,omitempty" doc:"Of a picture, in pixels"`
	Position int           `json:"position" doc:"Of its turn; 0: the start"`
	Alt      string        `json:"description,omitempty" doc:"What a picture shows, in words"`
}

func whisperShape(v relay.View) Whisper {
	wh := v.Whisper
	w := Whisper{
		ID: wh.ID, Project: wh.ProjectID, Title: wh.Title, State: wh.State,
		Order:     Order{wh.Order.Algorithm, wh.Order.Seed, append([]string{}, wh.Order.Input...)},
		StartedAt: when(wh.StartedAt), CompletedAt: when(wh.CompletedAt), EndedAt: when(wh.EndedAt), Origin: filesAt(v, ""), Hops: []Hop{},
		Late: []LateAnswer{}, Batch: wh.Policy.Batch, Number: wh.Policy.Number,
	}
	for _, h := range wh.Hops {
		hop := Hop{
			ID: h.ID, Position: h.Position, Box: h.DeviceID, BoxName: v.Boxes[h.DeviceID].Name, Version: hopVersion(h), State: h.State, OfferedAt: when(h.OfferedAt),
			Planned: h.Course.Planned, NeedsAt: when(h.Course.NeedsAt), Why: h.Course.Why,
			RemindAt: when(h.Course.RemindAt), AskAt: when(h.Course.AskAt), SkipAt: when(h.Course.SkipAt),
			DeliveredAt: when(h.DeliveredAt), HeardAt: when(h.HeardAt), ReceivedAt: when(h.ReceivedAt), Files: []File{},
		}
		if h.ReplyID != "" {
			hop.Files = filesAt(v, h.ReplyID)
		}
		w.Hops = append(w.Hops, hop)
	}
	for _, r := range v.Replies {
		if r.State == protocol.ReplyLate {
			w.Late = append(w.Late, LateAnswer{r.ID, r.HopID, r.DeviceID, r.ReceivedAt.UTC(), filesAt(v, r.ID)})
		}
	}
	return w
}

func filesAt(v relay.View, reply string) []File {
	files := []File{}
	for _, f := range v.FilesOf(reply) {
		files = append(files, File{f.ID, f.Role, f.Variant, f.Type, f.Size, f.SHA256, f.Duration.Seconds(), f.Width, f.Height, f.Position, f.Alt})
	}
	return files
}
