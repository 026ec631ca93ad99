package rest

import (
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// BoxDetail is a box with how it is.
type BoxDetail struct {
	Box
	Health    []BoxLine   `json:"health" nullable:"false" doc:"How it is, as it said last, what matters most first"`
	Faults    []BoxReport `json:"faults" nullable:"false" doc:"What it reported in the last day that needs somebody"`
	LastCheck *BoxCheck   `json:"last_check,omitempty" doc:"What was found when it was last looked through"`
	Settled   bool        `json:"settled" doc:"It lives by the settings that are wanted"`
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
	Code       protocol.ReportCode `json:"code" doc:"What it was" example:"E_MIC"`
	Words      string              `json:"words" doc:"The same for people" example:"The microphone gave no sound."`
	Next       string              `json:"next" doc:"What to do"`
	ReceivedAt time.Time           `json:"received_at" doc:"When it came here"`
}

// BoxCheck is what was found when a box was looked through.
type BoxCheck struct {
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

func boxDetail(d model.Device, faults []model.BoxReport, checks []model.BoxCheck, settled bool, now time.Time) BoxDetail {
	out := BoxDetail{Box: boxShape(d, now), Health: []BoxLine{}, Faults: []BoxReport{}, Settled: settled}
	if d.Status.State != "" {
		for _, l := range d.Status.Lines() {
			out.Health = append(out.Health, BoxLine{l.Key, l.Name, l.Words, l.Level, when(l.At)})
		}
	}
	for _, f := range faults {
		so, next := f.Code.Words()
		out.Faults = append(out.Faults, BoxReport{f.Code, so, next, f.ReceivedAt.UTC()})
	}
	if len(checks) > 0 {
		c := checks[0]
		last := &BoxCheck{c.Kind, c.Verdict(), c.Installer, c.ReceivedAt.UTC(), []BoxPart{}}
		for _, i := range c.Items {
			last.Parts = append(last.Parts, BoxPart{i.Part, i.Verdict, i.Text, i.Next})
		}
		out.LastCheck = last
	}
	return out
}
