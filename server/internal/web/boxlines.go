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
	if !d.RevokedAt.IsZero() {
		return ""
	}
	return d.InBrief().Needs
}

// boxWants compares the settings; nil where the box does not tell its own.
func boxWants(want protocol.Settings, s protocol.Status, clips int) []protocol.Setting {
	if s.InForce == nil {
		return nil
	}
	is := *s.InForce
	own := protocol.Setting{Key: "clips", Name: "Own sentences", Wanted: clipWords(clips), Is: pick(is.Clips == "", "none", pick(is.Clips == want.Clips, clipWords(clips), "others"))}
	own.Same = own.Wanted == own.Is
	return append(protocol.SettingWords(want, is), own)
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
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
