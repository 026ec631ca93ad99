package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what a mail is about.
type Kind string

// Kinds of mail.
const (
	// KindComplete: the last box of a whisper has answered.
	KindComplete Kind = "complete"
)

// News is what a mail may tell. It has no field for a participant's name, a
// file or a transcript, so none can slip in.
type News struct {
	Whisper   string // title
	Project   string // title
	Boxes     int    // hops of the plan
	Answered  int
	Skipped   int
	Started   time.Time
	Completed time.Time
	// Link is the absolute address of the whisper's page; it asks for sign-in.
	Link string
}

// Content is a rendered mail. Subject is one line without control or direction
// characters.
type Content struct {
	Subject string
	Text    string
	HTML    string
}

const (
	maxTitle   = 80
	maxSubject = 200
)

//go:embed templates
var templates embed.FS

// Parsed at start, so that a broken template can never cost a mail.
var (
	texts = texttemplate.Must(texttemplate.New("").Funcs(funcs).ParseFS(templates, "templates/*.txt"))
	pages = htmltemplate.Must(htmltemplate.New("").Funcs(funcs).ParseFS(templates, "templates/*.html"))

	funcs = map[string]any{"day": day, "count": count}
)

// Render writes a mail. It fails for an unknown kind and for a link that is
// not an absolute http or https address.
func Render(kind Kind, n News) (Content, error) {
	u, err := url.Parse(n.Link)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		return Content{}, fmt.Errorf("render mail %q: the link is not an absolute web address", kind)
	}
	n.Link = u.String()
	n.Whisper = quotable(n.Whisper)
	n.Project = quotable(n.Project)

	var c Content
	switch kind {
	case KindComplete:
		c.Subject = fmt.Sprintf("Whisper \"%s\" is complete (%d of %d)", n.Whisper, n.Answered, n.Boxes)
	default:
		return Content{}, fmt.Errorf("render mail: unknown kind %q", kind)
	}
	c.Subject = oneLine(c.Subject, maxSubject)

	data := struct {
		News
		Subject string
		Host    string
	}{n, c.Subject, u.Host}
	var text, page bytes.Buffer
	if err := texts.ExecuteTemplate(&text, string(kind)+".txt", data); err != nil {
		return Content{}, fmt.Errorf("render mail %q as text: %w", kind, err)
	}
	if err := pages.ExecuteTemplate(&page, string(kind)+".html", data); err != nil {
		return Content{}, fmt.Errorf("render mail %q as HTML: %w", kind, err)
	}
	c.Text, c.HTML = text.String(), page.String()
	return c, nil
}

// quotable makes a title safe to stand between quotation marks in a sentence.
func quotable(s string) string {
	s = oneLine(s, maxTitle)
	if s == "" {
		return "untitled"
	}
	return strings.ReplaceAll(s, `"`, "'")
}

// oneLine drops what could break a header or turn the reading direction, makes
// white space single blanks, and cuts to limit runes.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return ' '
		case r == '\u200d' || r == '\u200c': // joiners: emoji and some scripts need them
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	// A subject in plain ASCII goes out as it is, and a mail program would
	// decode an encoded word in it, line breaks and all.
	s = strings.ReplaceAll(s, "=?", "= ?")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
}

// day writes a time so that nobody mistakes month, day or zone.
func day(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("Monday 2 January 2006, 15:04 UTC")
}

// count writes a number with its noun: "1 box", "8 boxes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
