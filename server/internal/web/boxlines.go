package web

import (
	"fmt"
	"strings"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// recentReports is how many reports the page shows unfolded.
const recentReports = 8

// boxLine is one fact; Tone is set where somebody should look after it.
type boxLine struct {
	protocol.Line
	Tone string
}

var levelTones = map[protocol.Level]string{protocol.Look: "hold", protocol.Bad: "bad"}

// boxLines are the lines that the box's own status shows as well.
func boxLines(s protocol.Status) []boxLine {
	var lines []boxLine
	for _, l := range s.Lines() {
		lines = append(lines, boxLine{l, levelTones[l.Level]})
	}
	return lines
}

// needs names what a box says is bad, for the list of boxes.
func needs(d model.Device) string {
	if d.Status.State == "" || !d.RevokedAt.IsZero() {
		return ""
	}
	var bad []string
	for _, l := range d.Status.Lines() {
		if l.Level == protocol.Bad {
			bad = append(bad, l.Name)
		}
	}
	return strings.Join(bad, ", ")
}

// boxWant is one setting: as it is wanted, and as the box lives by it.
type boxWant struct {
	Name, Wanted, Is string
	Same             bool
}

// boxWants compares the settings; nil where the box does not tell its own.
func boxWants(want protocol.Settings, s protocol.Status, clips int) []boxWant {
	if s.InForce == nil {
		return nil
	}
	is := *s.InForce
	rows := []boxWant{
		{Name: "Volume", Wanted: volume(want), Is: volume(is)},
		{Name: "Quiet from", Wanted: quietWords(want), Is: quietWords(is)},
		{Name: "Time zone", Wanted: zoneWords(want), Is: zoneWords(is)},
		{Name: "Language", Wanted: language(want), Is: language(is)},
		{Name: "Photo", Wanted: pick(want.PhotoAllowed, "allowed", "not allowed"), Is: pick(is.PhotoAllowed, "allowed", "not allowed")},
		{Name: "Says that a whisper came", Wanted: pick(want.Announce, "yes", "only shines"), Is: pick(is.Announce, "yes", "only shines")},
		{Name: "Buttons", Wanted: buttons(want.Buttons), Is: buttons(is.Buttons)},
		{Name: "Own sentences", Wanted: clipWords(clips), Is: pick(is.Clips == "", "none", pick(is.Clips == want.Clips, clipWords(clips), "others"))},
	}
	for i := range rows {
		rows[i].Same = rows[i].Wanted == rows[i].Is || rows[i].Name == "Buttons" && want.Buttons == 0
	}
	return rows
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func volume(s protocol.Settings) string { return fmt.Sprintf("%d of 4", s.Volume) }

func quietWords(s protocol.Settings) string {
	if s.QuietFrom == s.QuietUntil {
		return "never"
	}
	return s.QuietFrom + " until " + s.QuietUntil
}

func zoneWords(s protocol.Settings) string {
	if s.TimeZone == "" {
		return "as the box is set"
	}
	return s.TimeZone
}

func language(s protocol.Settings) string {
	if s.Language == "en" {
		return "English"
	}
	return s.Language
}

func buttons(n int) string {
	if n == 0 {
		return "all that it has"
	}
	return fmt.Sprint(n)
}

func clipWords(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// boxCheck is a check for the page.
type boxCheck struct {
	model.BoxCheck
	Title   string
	Summary string // "2 of 9 failed"
	By      string
	Rows    []boxPart
}

type boxPart struct {
	protocol.CheckItem
	State state
}

var checkTitles = map[protocol.CheckKind]string{
	protocol.CheckDoctor: "Checked", protocol.CheckSelfTest: "Self-test with somebody", protocol.CheckPractice: "Practised",
}

var verdictStates = map[protocol.Verdict]state{
	protocol.VerdictOK: {"fine", "complete", "good"}, protocol.VerdictWarn: {"worth a look", "warning", "hold"},
	protocol.VerdictFailed: {"failed", "warning", "bad"}, protocol.VerdictSkipped: {"left out", "skipped", "quiet"},
}

func checkView(c model.BoxCheck) boxCheck {
	v := boxCheck{BoxCheck: c, Title: checkTitles[c.Kind]}
	count := map[protocol.Verdict]int{}
	for _, i := range c.Items {
		count[i.Verdict]++
		v.Rows = append(v.Rows, boxPart{i, verdictStates[i.Verdict]})
	}
	var told []string
	for _, k := range []struct {
		verdict   protocol.Verdict
		one, many string
	}{{protocol.VerdictFailed, "part failed", "parts failed"}, {protocol.VerdictWarn, "part is worth a look", "parts are worth a look"}} {
		if n := count[k.verdict]; n > 0 {
			told = append(told, plural(n, k.one, k.many))
		}
	}
	if v.Summary = strings.Join(told, ", "); v.Summary == "" {
		v.Summary = "all is fine"
	}
	v.By = strings.ToUpper(v.Summary[:1]) + v.Summary[1:] + "."
	if c.Installer != "" {
		v.By += " " + c.Installer + " stood there."
	}
	return v
}

// Earlier are the checks before the newest.
func (v boxView) Earlier() []boxCheck { return v.Checks[min(1, len(v.Checks)):] }

// Recent and Older are the two halves of what the box reported.
func (v boxView) Recent() []model.BoxReport {
	return v.Past.Reports[:min(recentReports, len(v.Past.Reports))]
}

// Older is the folded half.
func (v boxView) Older() []model.BoxReport {
	return v.Past.Reports[min(recentReports, len(v.Past.Reports)):]
}

// reportWords are what a report means, and what to do.
type reportWords struct{ So, Next string }

// Words says what a report means.
func (boxView) Words(c protocol.ReportCode) reportWords {
	so, next := c.Words()
	return reportWords{so, next}
}
