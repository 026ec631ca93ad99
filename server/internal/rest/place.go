package rest

import (
	"context"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Place is where a box lives and how it is to behave there. What is empty is as
// the project or the server has it.
type Place struct {
	Label    string `json:"label" doc:"What the team calls it; never in mails, exports or other homes"`
	Hours    Hours  `json:"waking_hours" doc:"When people there are awake"`
	Volume   int    `json:"volume" doc:"A step from 1 to 4; 0: as delivered"`
	Language string `json:"language" doc:"What it speaks; empty: English"`
	Photo    bool   `json:"photo" doc:"Pictures may be taken there"`
	Announce bool   `json:"announce" doc:"It says aloud that a whisper has come"`
	Buttons  int    `json:"buttons" doc:"How many of its buttons it uses; 0: all"`
}

func placeShape(s model.Site) Place {
	return Place{s.Label, Hours(s.Hours), s.Volume, s.Language, !s.NoPhoto, !s.Quiet, s.Buttons}
}

type placeChange struct {
	Label    *string     `json:"label,omitempty" maxLength:"200" doc:"What the team calls it; never in mails, exports or other homes"`
	Hours    hoursChange `json:"waking_hours,omitempty" doc:"When people there are awake; wake and bed together, empty: as the project has them"`
	Volume   *int        `json:"volume,omitempty" minimum:"0" maximum:"4" doc:"A step from 1 to 4; 0: as delivered"`
	Language *string     `json:"language,omitempty" maxLength:"20" doc:"What it speaks; empty: English"`
	Photo    *bool       `json:"photo,omitempty" doc:"Pictures may be taken there"`
	Announce *bool       `json:"announce,omitempty" doc:"It says aloud that a whisper has come"`
	Buttons  *int        `json:"buttons,omitempty" minimum:"0" maximum:"3" doc:"How many of its buttons it uses; 0: all"`
}

func (c placeChange) set(s *model.Site) {
	set(&s.Label, c.Label)
	c.Hours.set(&s.Hours)
	set(&s.Volume, c.Volume)
	set(&s.Language, c.Language)
	set(&s.Buttons, c.Buttons)
	if c.Photo != nil {
		s.NoPhoto = !*c.Photo
	}
	if c.Announce != nil {
		s.Quiet = !*c.Announce
	}
}

// BoxRequest is something that people asked a box for.
type BoxRequest struct {
	ID      string               `json:"id" doc:"Its id"`
	What    protocol.MessageType `json:"what" doc:"Look itself through; let somebody practise; erase all of the study" enum:"check,practice,end"`
	AskedAt time.Time            `json:"asked_at" doc:"When"`
	EndsAt  *time.Time           `json:"ends_at" doc:"When it is of no use any more; null: never"`
}

func requestShape(r model.BoxRequest) BoxRequest {
	return BoxRequest{r.ID, r.Kind, r.AskedAt.UTC(), when(r.EndsAt)}
}

type (
	boxRows struct {
		BoxID
		Paging
	}
	askBox struct {
		BoxID
		Body struct {
			What  protocol.MessageType `json:"what" enum:"check,practice" doc:"Look itself through, or let somebody practise"`
			Aloud bool                 `json:"aloud,omitempty" doc:"People there agreed that it speaks although it is quiet time"`
		}
	}
	eraseBox struct {
		BoxID
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"200" doc:"The box's name, to be sure that it is this one"`
		}
	}
	newFirstGen struct {
		Name     string   `json:"name" minLength:"1" maxLength:"200" doc:"The name by which it registers"`
		Networks []string `json:"networks" minItems:"1" maxItems:"10" nullable:"false" doc:"Where it may send from; it has no secret, so they alone tell it apart" example:"[\"192.168.1.0/24\"]"`
	}
)

func (a *API) placeOperations() {
	handle(a, op{
		id: "change-box", verb: model.ManageBoxes, method: "PATCH", path: "/boxes/{box}", tag: "boxes", summary: "Change where a box lives and how it behaves there",
		more:   "What is not named stays. The box is told as soon as it is online; settled says that it lives by it.",
		fields: map[string]string{"zone": "waking_hours.time_zone", "wake": "waking_hours.wake", "bed": "waking_hours.bed"},
	}, func(ctx context.Context, who model.Actor, in *struct {
		BoxID
		Body placeChange
	}) (*body[BoxDetail], error) {
		if err := nothingIn(in.Body); err != nil {
			return nil, err
		}
		if err := a.Relay.EditSite(ctx, who, in.Box, in.Body.set); err != nil {
			return nil, err
		}
		return a.box(ctx, who, &in.BoxID)
	})
	handle(a, op{id: "list-box-checks", verb: model.SeeBoxes, method: "GET", path: "/boxes/{box}/checks", tag: "boxes", summary: "List what was found in a box, newest first", more: "The twenty newest are here."},
		func(ctx context.Context, who model.Actor, in *boxRows) (*body[list[BoxCheck]], error) {
			past, err := a.Relay.BoxPast(ctx, who, in.Box)
			return answer(paged(pageAfter(past.Checks, in.Paging, checkID), in.Limit, checkShape, checkID), err)
		})
	handle(a, op{id: "list-box-reports", verb: model.SeeBoxes, method: "GET", path: "/boxes/{box}/reports", tag: "boxes", summary: "List what befell a box, newest first", more: "The fifty newest are here."},
		func(ctx context.Context, who model.Actor, in *boxRows) (*body[list[BoxReport]], error) {
			past, err := a.Relay.BoxPast(ctx, who, in.Box)
			id := func(r model.BoxReport) string { return r.ID }
			return answer(paged(pageAfter(past.Reports, in.Paging, id), in.Limit, reportShape, id), err)
		})
	handle(a, op{
		id: "ask-box", verb: model.ManageBoxes, method: "POST", path: "/boxes/{box}/requests", tag: "boxes", summary: "Ask a box to look itself through, or to let somebody practise", status: 202,
		more: "What is asked for already is not asked twice. The result is the box's next check.",
	}, func(ctx context.Context, who model.Actor, in *askBox) (*body[BoxRequest], error) {
		r, err := a.Relay.AskBox(ctx, who, in.Box, in.Body.What, in.Body.Aloud)
		return answer(requestShape(r), err)
	})
	handle(a, op{
		id: "erase-box", verb: model.ManageBoxes, method: "POST", path: "/boxes/{box}/erase", tag: "boxes", summary: "Ask a box to erase all of the study, for good", status: 202,
		more: "A whisper that still counts on the box is somebody's to decide about first (409).", fields: map[string]string{"typed": "name"},
	}, func(ctx context.Context, who model.Actor, in *eraseBox) (*body[BoxRequest], error) {
		r, err := a.Relay.EndBox(ctx, who, in.Box, in.Body.Name)
		return answer(requestShape(r), err)
	})
	handle(a, op{id: "add-first-generation-box", verb: model.ManageBoxes, method: "POST", path: "/boxes/first-generation", tag: "boxes", summary: "Add a box of the first generation", more: "docs/first-generation.md says what it can do, and what fences it in.", status: 201},
		func(ctx context.Context, who model.Actor, in *struct{ Body newFirstGen }) (*body[Box], error) {
			d, err := a.Relay.AddFirstGen(ctx, who, in.Body.Name, strings.Join(in.Body.Networks, " "))
			return answer(boxShape(d, a.Now()), err)
		})
}

func checkID(c model.BoxCheck) string { return c.ID }

// box is a box with how it is, and what is wanted of it.
func (a *API) box(ctx context.Context, who model.Actor, in *BoxID) (*body[BoxDetail], error) {
	d, err := a.Relay.OneBox(ctx, who, in.Box)
	if err != nil {
		return nil, err
	}
	past, err := a.Relay.BoxPast(ctx, who, d.ID)
	settled := d.Status.Settings >= relay.SettingsOf(d.Site).Version
	return answer(boxDetail(d, past, settled, a.Now()), err)
}
