package rest

import (
	"context"
	"time"

	"illumi/server/internal/model"
)

// ProjectSettings is what an owner can choose. Whispers that are on their way
// keep what they took along.
type ProjectSettings struct {
	Title        string           `json:"title" doc:"The project's name"`
	Forwarding   model.Forwarding `json:"forwarding" doc:"When an answer goes on to the next home" enum:"straight,after_pause"`
	Hold         int64            `json:"hold_seconds" doc:"How long an answer is held after_pause"`
	Deadlines    Deadlines        `json:"deadlines" doc:"When a turn that nobody answers is seen to, in waking hours of its place"`
	TurnsPerWeek int              `json:"turns_per_week" doc:"How often a box is asked in seven days; 0: as often as there are whispers"`
	Hours        Hours            `json:"waking_hours" doc:"Of places that say nothing else"`
	SenderName   string           `json:"sender_name" doc:"Who the project's mails are from; empty: its name"`
	ReplyTo      string           `json:"reply_to" doc:"Who gets answers to its mails; empty: nobody"`
	Digest       bool             `json:"digest" doc:"One mail a day tells what needs no mail of its own"`
}

// Deadlines are counted from when a whisper lies on a box. 0 switches one off.
type Deadlines struct {
	Remind int64          `json:"remind_seconds" doc:"When the box says once more that a whisper is there"`
	Ask    int64          `json:"ask_seconds" doc:"When people are asked"`
	Skip   int64          `json:"skip_seconds" doc:"When the turn has to be decided about, or is passed over"`
	Mode   model.SkipMode `json:"mode" doc:"What happens then" enum:"ask,auto"`
}

// Hours are when somebody is awake.
type Hours struct {
	Zone string `json:"time_zone" doc:"An IANA name" example:"Europe/Berlin"`
	Wake string `json:"wake" doc:"When the day begins there" example:"08:00"`
	Bed  string `json:"bed" doc:"When it ends" example:"21:00"`
}

func settingsShape(p model.Project) ProjectSettings {
	s, d := p.Settings, p.Settings.Deadlines
	return ProjectSettings{
		Title: p.Title, Forwarding: p.Forwarding, Hold: int64(p.Hold / time.Second),
		Deadlines:    Deadlines{int64(d.Remind / time.Second), int64(d.Ask / time.Second), int64(d.Skip / time.Second), d.Mode},
		TurnsPerWeek: s.TurnsPerWeek, Hours: Hours(s.Hours), SenderName: s.SenderName, ReplyTo: s.ReplyTo, Digest: s.Digest,
	}
}

type (
	settingsChange struct {
		Title        *string           `json:"title,omitempty" minLength:"1" maxLength:"200" doc:"The project's name"`
		Forwarding   *model.Forwarding `json:"forwarding,omitempty" enum:"straight,after_pause" doc:"When an answer goes on to the next home"`
		Hold         *int64            `json:"hold_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long an answer is held after_pause; 0: ten minutes"`
		Deadlines    deadlinesChange   `json:"deadlines,omitempty" doc:"When a turn that nobody answers is seen to, in waking hours of its place"`
		TurnsPerWeek *int              `json:"turns_per_week,omitempty" minimum:"0" maximum:"100" doc:"How often a box is asked in seven days; 0: as often as there are whispers"`
		Hours        hoursChange       `json:"waking_hours,omitempty" doc:"Of places that say nothing else"`
		SenderName   *string           `json:"sender_name,omitempty" maxLength:"200" doc:"Who the project's mails are from; empty: its name"`
		ReplyTo      *string           `json:"reply_to,omitempty" maxLength:"254" doc:"Who gets answers to its mails; empty: nobody"`
		Digest       *bool             `json:"digest,omitempty" doc:"One mail a day tells what needs no mail of its own"`
	}
	deadlinesChange struct {
		Remind *int64          `json:"remind_seconds,omitempty" minimum:"0" maximum:"5184000" doc:"When the box says once more that a whisper is there; 0: never"`
		Ask    *int64          `json:"ask_seconds,omitempty" minimum:"0" maximum:"5184000" doc:"When people are asked; 0: never"`
		Skip   *int64          `json:"skip_seconds,omitempty" minimum:"0" maximum:"5184000" doc:"When the turn has to be decided about, or is passed over; 0: never"`
		Mode   *model.SkipMode `json:"mode,omitempty" enum:"ask,auto" doc:"What happens then"`
	}
	hoursChange struct {
		Zone *string `json:"time_zone,omitempty" maxLength:"100" doc:"An IANA name" example:"Europe/Berlin"`
		Wake *string `json:"wake,omitempty" maxLength:"5" doc:"When the day begins there" example:"08:00"`
		Bed  *string `json:"bed,omitempty" maxLength:"5" doc:"When it ends" example:"21:00"`
	}
)

func (c hoursChange) set(h *model.Hours) {
	set(&h.Zone, c.Zone)
	set(&h.Wake, c.Wake)
	set(&h.Bed, c.Bed)
}

func (c settingsChange) set(p *model.Project) {
	s, d := &p.Settings, &p.Settings.Deadlines
	set(&p.Title, c.Title)
	set(&p.Forwarding, c.Forwarding)
	setSeconds(&p.Hold, c.Hold)
	setSeconds(&d.Remind, c.Deadlines.Remind)
	setSeconds(&d.Ask, c.Deadlines.Ask)
	setSeconds(&d.Skip, c.Deadlines.Skip)
	set(&d.Mode, c.Deadlines.Mode)
	set(&s.TurnsPerWeek, c.TurnsPerWeek)
	c.Hours.set(&s.Hours)
	set(&s.SenderName, c.SenderName)
	set(&s.ReplyTo, c.ReplyTo)
	set(&s.Digest, c.Digest)
}

func setSeconds(to *time.Duration, from *int64) {
	if from != nil {
		*to = time.Duration(*from) * time.Second
	}
}

// settingNames are what refusals of settings are about, as they are called here.
var settingNames = map[string]string{
	"remind": "deadlines.remind_seconds", "ask": "deadlines.ask_seconds", "skip": "deadlines.skip_seconds", "mode": "deadlines.mode",
	"turns": "turns_per_week", "zone": "waking_hours.time_zone", "wake": "waking_hours.wake", "bed": "waking_hours.bed", "hold": "hold_seconds",
}

func (a *API) settingOperations() {
	handle(a, op{id: "get-settings", verb: model.Settle, method: "GET", path: "/projects/{project}/settings", tag: "projects", summary: "Look at a project's settings"},
		func(ctx context.Context, who model.Actor, in *ProjectID) (*body[ProjectSettings], error) {
			p, err := a.Relay.SettledProject(ctx, who, in.Project)
			return answer(settingsShape(p), err)
		})
	handle(a, op{
		id: "change-settings", verb: model.Settle, method: "PATCH", path: "/projects/{project}/settings", tag: "projects", summary: "Change some of a project's settings",
		more: "What is not named stays. Whispers that are on their way keep what they took along.", fields: settingNames,
	}, func(ctx context.Context, who model.Actor, in *struct {
		ProjectID
		Body settingsChange
	}) (*body[ProjectSettings], error) {
		if err := nothingIn(in.Body); err != nil {
			return nil, err
		}
		p, err := a.Relay.EditProject(ctx, who, in.Project, in.Body.set)
		return answer(settingsShape(p), err)
	})
}
