package model

import (
	"strconv"
	"strings"

	"illumi/protocol"
)

// Brief is what a list tells of a box's status. It is kept beside the status,
// which is ten times as long to read.
type Brief struct {
	Waiting, Unsent int    // see protocol.Status
	Needs           string // what of the box is bad, as "Power, Microphone"
}

// maxNeeds is more than the names of all parts together.
const maxNeeds = 400

// BriefOf makes a status short.
func BriefOf(s protocol.Status) Brief {
	b := Brief{Waiting: s.Waiting, Unsent: s.Unsent}
	if s.State == "" { // it has told nothing yet
		return b
	}
	var bad []string
	for _, l := range s.Lines() {
		if l.Level == protocol.Bad {
			bad = append(bad, l.Name)
		}
	}
	b.Needs = strings.Join(bad, ", ")
	if len(b.Needs) > maxNeeds {
		b.Needs = strings.ToValidUTF8(b.Needs[:maxNeeds], "")
	}
	return b
}

// String writes it as ParseBrief reads it.
func (b Brief) String() string {
	return strconv.Itoa(b.Waiting) + " " + strconv.Itoa(b.Unsent) + " " + b.Needs
}

// ParseBrief reads what String wrote; ok is false for anything else.
func ParseBrief(text string) (b Brief, ok bool) {
	waiting, rest, ok := strings.Cut(text, " ")
	unsent, needs, ok2 := strings.Cut(rest, " ")
	var err, err2 error
	b.Waiting, err = strconv.Atoi(waiting)
	b.Unsent, err2 = strconv.Atoi(unsent)
	b.Needs = needs
	return b, ok && ok2 && err == nil && err2 == nil
}

// InBrief makes the box's status short.
func (d Device) InBrief() Brief {
	if d.Brief != nil {
		return *d.Brief
	}
	return BriefOf(d.Status)
}
