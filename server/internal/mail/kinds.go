package mail

import (
	"fmt"
	"time"
)

// Kind says what a mail is about.
type Kind string

// Kinds of mail (people.md W4); all else stands in the digest.
const (
	KindComplete    Kind = "complete"
	KindNoAnswer    Kind = "no_answer"
	KindDecide      Kind = "decide"
	KindBoxSilent   Kind = "box_silent"
	KindBoxBack     Kind = "box_back"
	KindBoxFailed   Kind = "box_failed"
	KindExportReady Kind = "export_ready"
	KindWithdrawal  Kind = "withdrawal"
	KindDigest      Kind = "digest"
	KindTest        Kind = "test"
)

// News is what a mail may tell. It has no field for a participant's name, a
// place, a file or a transcript, so none can slip in.
type News struct {
	Whisper   string // title
	Project   string // title
	Box       string // its pseudonym
	Position  int    // of the turn
	Boxes     int    // hops of the plan
	Answered  int
	Skipped   int
	Started   time.Time
	Completed time.Time
	Since     time.Time
	Now       time.Time
	Zone      *time.Location // whose clock times are told by; nil is UTC
	Reason    string         // in words of this program
	Count     int
	Others    bool     // box_silent: so many at once that none is named
	Lines     []string // of the digest
	// Link is the absolute address of the page to go to; it asks for sign-in.
	// Download is a second one, of a complete whisper's export; it may be empty.
	Link     string
	Download string
}

// wording is a mail before it is set as text and HTML: the news, what belongs
// to it, what to do, one way to go, and why one gets it.
type wording struct {
	Subject string
	Head    string
	Says    []string
	Lines   []string
	Facts   [][2]string
	Go      string // what the link does
	Fetch   string // what the second link does
	Why     string
	Open    bool // the link needs no account: it makes one, or a new password

	Link, Download, Host string
}

// kinds is every mail there is. Subjects carry the whole news (people.md W3).
var kinds = map[Kind]func(News) wording{
	KindComplete: complete, KindNoAnswer: noAnswer, KindDecide: decide, KindBoxSilent: boxSilent, KindBoxBack: boxBack, KindBoxFailed: boxFailed,
	KindExportReady: exportReady, KindWithdrawal: withdrawal, KindDigest: digest, KindTest: test,
}

const (
	whyProject = "You get this mail because you work on this project."
	whyBox     = "You get this mail because you look after this box, or a whisper of yours waits for it."
)

func complete(n News) wording {
	says := fmt.Sprintf("%d of %s answered.", n.Answered, count(n.Boxes, "box", "boxes"))
	gaps := max(n.Boxes-n.Answered-n.Skipped, 0)
	switch {
	case n.Skipped > 0:
		says += fmt.Sprintf(" %s passed over.", count(n.Skipped, "box was", "boxes were"))
	case n.Answered == n.Boxes && n.Boxes == 1:
		says = "The box answered."
	case n.Answered == n.Boxes:
		says = fmt.Sprintf("All %d boxes answered.", n.Boxes)
	}
	if gaps > 0 {
		says += fmt.Sprintf(" %s left open.", count(gaps, "turn was", "turns were"))
	}
	return wording{
		Subject: fmt.Sprintf(`Whisper "%s" is complete (%d of %d)`, n.Whisper, n.Answered, n.Boxes),
		Head:    fmt.Sprintf(`The whisper "%s" is complete.`, n.Whisper),
		Says:    []string{says},
		Facts:   [][2]string{{"Project", n.Project}, {"Started", n.day(n.Started)}, {"Complete", n.day(n.Completed)}},
		Go:      "Compare the first and the last answer", Fetch: "Download the answers",
		Why: "You get this mail because you started this whisper. It is sent once, when the last box has answered.",
	}
}

func noAnswer(n News) wording {
	return wording{
		Subject: fmt.Sprintf("%s has not answered for %s", n.Box, n.lasted()),
		Head:    fmt.Sprintf("%s has not answered for %s.", n.Box, n.lasted()),
		Says:    []string{"The whisper waits there. You can wait on, pass the turn over, let another box go first, or end the whisper.", n.Reason},
		Facts:   n.turn("Waits since"),
		Go:      "Decide what happens", Why: whyProject,
	}
}

func decide(n News) wording {
	return wording{
		Subject: fmt.Sprintf(`Please decide: whisper "%s" waits for %s`, n.Whisper, n.Box),
		Head:    fmt.Sprintf("The time for %s to answer is over.", n.Box),
		Says:    []string{"Nobody is passed over by itself. Choose: wait on, pass the turn over, let another box go first, or end the whisper.", n.Reason},
		Facts:   n.turn("Waits since"),
		Go:      "Decide what happens", Why: whyProject,
	}
}

func boxSilent(n News) wording {
	if n.Others {
		return wording{
			Subject: count(n.Count, "more box is silent", "more boxes are silent"),
			Head:    fmt.Sprintf("%s.", count(n.Count, "more box is silent", "more boxes are silent")),
			Says:    []string{"So many fell silent at once that this mail names none. Look whether a network or this server's address has failed."},
			Go:      "Look at the boxes", Why: "You get this mail because you look after these boxes.",
		}
	}
	says := "Ask somebody there to look whether it has power and Wi-Fi. Whatever was answered there is kept on it."
	if n.Count > 0 {
		says = fmt.Sprintf("%s for this box. ", count(n.Count, "whisper waits", "whispers wait")) + says
	}
	return wording{
		Subject: fmt.Sprintf("%s has been silent since %s", n.Box, n.short(n.Since)),
		Head:    fmt.Sprintf("%s has been silent since %s.", n.Box, n.short(n.Since)),
		Says:    []string{says},
		Facts:   [][2]string{{"Last heard", n.day(n.Since)}},
		Go:      "Look at the box", Why: whyBox,
	}
}

func boxBack(n News) wording {
	return wording{
		Subject: n.Box + " is back",
		Head:    n.Box + " is back.",
		Says:    []string{"The server hears it again. There is nothing to do."},
		Facts:   [][2]string{{"Silent from", n.day(n.Since)}, {"Heard again", n.day(n.Now)}},
		Go:      "Look at the box", Why: "You get this mail because you were told that this box was silent.",
	}
}

func boxFailed(n News) wording {
	says := []string{n.Reason, "Whatever was answered there is kept on it."}
	if n.Count > 0 {
		says = append(says, fmt.Sprintf("%s for this box.", count(n.Count, "whisper waits", "whispers wait")))
	}
	return wording{
		Subject: n.Box + " needs help",
		Head:    n.Box + " needs help.",
		Says:    says,
		Facts:   [][2]string{{"Reported", n.day(n.Since)}},
		Go:      "Look at the box", Why: whyBox,
	}
}

func exportReady(n News) wording {
	l := wording{
		Subject: fmt.Sprintf(`The export of "%s" is ready`, n.Project),
		Head:    fmt.Sprintf(`The export of "%s" is ready.`, n.Project),
		Says:    []string{"Fetch it from the export page. It is deleted from the server after a while."},
		Facts:   [][2]string{{"Project", n.Project}},
		Go:      "Fetch the export", Why: "You get this mail because you asked for this export.",
	}
	if n.Reason != "" {
		l.Subject = fmt.Sprintf(`The export of "%s" could not be made`, n.Project)
		l.Head, l.Go = l.Subject+".", "Go to the export page"
		l.Says = []string{n.Reason, "Fewer whispers make a smaller export."}
	}
	return l
}

func withdrawal(n News) wording {
	return wording{
		Subject: fmt.Sprintf(`%s was removed while whisper "%s" waits for it`, n.Box, n.Whisper),
		Head:    n.Box + " was removed.",
		Says:    []string{fmt.Sprintf(`The whisper "%s" still waits for it. Skip its turn, replace the box, or end the whisper.`, n.Whisper), n.Reason},
		Facts:   n.turn(""),
		Go:      "Decide what happens", Why: whyProject,
	}
}

func digest(n News) wording {
	return wording{
		Subject: fmt.Sprintf(`"%s" on %s: %s`, n.Project, n.Since.In(n.Zone).Format("Monday"), count(n.Count, "thing moved", "things moved")),
		Head:    fmt.Sprintf(`What moved in "%s" since yesterday`, n.Project),
		Lines:   append([]string(nil), n.Lines...),
		Facts:   [][2]string{{"Until", n.day(n.Since)}},
		Go:      "Look at the project", Why: "You get this mail each day on which something moved. The project's settings can switch it off.",
	}
}

func test(n News) wording {
	return wording{
		Subject: "A test mail from illumi",
		Head:    "Mail works.",
		Says:    []string{"You asked for this test. Whoever else the server writes to will get mail the same way."},
		Facts:   [][2]string{{"Sent", n.day(n.Now)}},
		Go:      "Look at the list of mails", Why: "You get this mail because you pressed the test button.",
	}
}

// turn are the facts about a turn that waits.
func (n News) turn(since string) [][2]string {
	facts := [][2]string{{"Project", n.Project}, {"Whisper", n.Whisper}}
	if n.Position > 0 && n.Boxes > 0 {
		facts = append(facts, [2]string{"Turn", fmt.Sprintf("%d of %d", n.Position, n.Boxes)})
	}
	if since != "" && !n.Since.IsZero() {
		facts = append(facts, [2]string{since, n.day(n.Since)})
	}
	return facts
}

// lasted says how long it has been so, as people do.
func (n News) lasted() string {
	d := n.Now.Sub(n.Since)
	switch {
	case n.Since.IsZero() || n.Now.IsZero() || d < 2*time.Hour:
		return "a while"
	case d < 36*time.Hour:
		return count(int((d+30*time.Minute)/time.Hour), "hour", "hours")
	}
	return count(int((d+12*time.Hour)/(24*time.Hour)), "day", "days")
}

// short is a moment in a subject: the day of the week says enough for a week.
func (n News) short(t time.Time) string {
	if t.IsZero() {
		return "a while ago"
	}
	if !n.Now.IsZero() && n.Now.Sub(t) > 6*24*time.Hour {
		return t.In(n.Zone).Format("2 Jan")
	}
	return t.In(n.Zone).Format("Mon 15:04")
}

// day writes a time so that nobody mistakes month, day or zone.
func (n News) day(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.In(n.Zone).Format("Monday 2 January 2006, 15:04 MST")
}
