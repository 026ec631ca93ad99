package rest

import (
	"context"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Overview is what somebody wants to know first.
type Overview struct {
	Needs   []OverviewLine `json:"needs" nullable:"false" doc:"Where a person has to decide, the oldest first; at most eight"`
	Waiting []OverviewLine `json:"waiting" nullable:"false" doc:"What else is on its way, what stands still longest first; at most eight"`
	More    bool           `json:"more" doc:"More is on its way than is here"`
}

// OverviewLine is a whisper with the box that it waits for.
type OverviewLine struct {
	WhisperLine
	ProjectTitle string         `json:"project_title" doc:"Its project's name"`
	BoxName      string         `json:"box_name,omitempty" doc:"The name of the box that it waits for"`
	Presence     model.Presence `json:"presence,omitempty" doc:"How that box is now" enum:"not online yet,online,away,dark,revoked"`
}

func (a *API) overviewOperations() {
	handle(a, op{
		id: "overview", verb: model.See, method: "GET", path: "/overview", tag: "whispers", summary: "What needs somebody, and which whisper waits for whom?",
		more: "Of all projects that the token may see.",
	}, func(ctx context.Context, who model.Actor, _ *nothing) (*body[Overview], error) {
		o, err := a.Relay.Overview(ctx, who)
		return answer(Overview{a.overviewLines(o.Needs), a.overviewLines(o.Waiting), o.MoreWait}, err)
	})
}

func (a *API) overviewLines(rows []relay.OverviewRow) []OverviewLine {
	lines := []OverviewLine{}
	for _, r := range rows {
		line := OverviewLine{WhisperLine: whisperLine(r.WhisperRow), ProjectTitle: r.Project}
		if r.Box.ID != "" {
			line.BoxName, line.Presence = r.Box.Name, r.Box.Presence(a.Now())
		}
		lines = append(lines, line)
	}
	return lines
}
