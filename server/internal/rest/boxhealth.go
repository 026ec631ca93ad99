package rest

import (
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// BoxDetail is a box with how it is.
type BoxDetail struct {
	Box
	Health    []BoxLine    `json:"health" nullable:"false" doc:"How it is, as it said last, what matters most first"`
	Faults    []BoxReport  `json:"faults" nullable:"false" doc:"What it reported in the last day that needs somebody"`
	LastCheck *BoxCheck    `json:"last_check,omitempty" doc:"What was found when it was last looked through"`
	Settled   bool         `json:"settled" doc:"It lives by the settings that are wanted"`
	Place     Place        `json:"place" doc:"Where it lives and how it is to behave there"`
	Asked     []BoxRequest `json:"asked" nullable:"false" doc:"What it is still asked for"`
}

// BoxLine is one fact of how a box is.
type BoxLine struct {
	Key   string         `json:"key" doc:"For programs" example:"temperature"`
	Name  string         `json:"name" doc:"For people" example:"Temperature"`
	Words string         `json:"words" doc:"For people" example:"48 °C"`
	Level protocol.Level `json:"level" doc:"Whether somebody should look after it" enum:"fine,look,bad,plain"`
	At    *time.Time     `json:"at,omitempty" doc:"A moment that belongs to it"`
}

// BoxReport is something that befell a box.
type BoxReport struct {
	ID         string              `json:"id" doc:"Its id"`
	Code       protocol.ReportCode `json:"code" doc:"What it was" example:"E_MIC"`
	Words      string              `json:"words" doc:"The same for people" example:"The microphone gave no sound."`
	Next       string              `json:"next" doc:"What to do"`
	Over       bool                `json:"over" doc:"It is well again"`
	ReceivedAt time.Time           `json:"received_at" doc:"When it came here"`
}

// BoxCheck is what was found when a box was looked through.
type BoxCheck struct {
	ID         string             `json:"id" doc:"Its id"`
	Kind       protocol.CheckKind `json:"kind" doc:"By itself, with somebody there, or in a turn tried out" enum:"doctor,selftest,practice"`
	Verdict    protocol.Verdict   `json:"verdict" doc:"The worst of its parts" enum:"ok,warn,failed"`
	Installer  string             `json:"installer,omitempty" doc:"Who stood there"`
	ReceivedAt time.Time          `json:"received_at" doc:"When it came here"`
	Parts      []BoxPart          `json:"parts" nullable:"false" doc:"Part by part"`
}

// BoxPart is how one part of a box did.
type BoxPart struct {
	Part    string           `json:"part" doc:"Its name" example:"microphone"`
	Verdict protocol.Verdict `json:"verdict" doc:"How it did" enum:"ok,warn,failed,skipped"`
	Text    string           `json:"text" doc:"For people"`
	Next    string           `json:"next,omitempty" doc:"What to do"`
}

func boxDetail(d model.Device, past relay.BoxPast, settled bool, now time.Time) BoxDetail {
	out := BoxDetail{
		Box: boxShape(d, now), Health: []BoxLine{}, Faults: []BoxReport{}, Settled: settled, Place: placeShape(d.Site), Asked: []BoxRequest{},
	}
	if d.Status.State != "" {
		for _, l := range d.Status.Lines() {
			out.Health = append(out.Health, BoxLine{l.Key, l.Name, l.Words, l.Level, when(l.At)})
		}
	}
	for _, f := range past.Faults {
		out.Faults = append(out.Faults, reportShape(f))
	}
	for _, r := range past.Open {
		out.Asked = append(out.Asked, requestShape(r))
	}
	if len(past.Checks) > 0 {
		last := checkShape(past.Checks[0])
		out.LastCheck = &last
	}
	return out
}

func reportShape(r model.BoxReport) BoxReport {
	so, next := r.Code.Words()
	return BoxReport{r.ID, r.Code, so, next, r.Over, r.ReceivedAt.UTC()}
}

func checkShape(c model.BoxCheck) BoxCheck {
	out := BoxCheck{c.ID, c.Kind, c.Verdict(), c.Installer, c.ReceivedAt.UTC(), []BoxPart{}}
	for _, i := range c.Items {
		out.Parts = append(out.Parts, BoxPart{i.Part, i.Verdict, i.Text, i.Next})
	}
	return out
}
