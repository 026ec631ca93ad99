package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

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

	funcs = map[string]any{"pad": func(s string) string { return fmt.Sprintf("%-12s", s+":") }}
)

// Render writes a mail. It fails for an unknown kind and for a link that is
// not an absolute http or https address; nothing that people type can make it fail.
func Render(kind Kind, n News) (Content, error) {
	write, ok := kinds[kind]
	if !ok {
		return Content{}, fmt.Errorf("render mail: unknown kind %q", kind)
	}
	u, err := webAddress(n.Link)
	if err != nil {
		return Content{}, fmt.Errorf("render mail %q: %w", kind, err)
	}
	n.Link = u.String()
	if n.Download != "" {
		d, err := webAddress(n.Download)
		if err != nil {
			return Content{}, fmt.Errorf("render mail %q: %w", kind, err)
		}
		n.Download = d.String()
	}
	n.Whisper, n.Project, n.Box = quotable(n.Whisper), quotable(n.Project), named(n.Box)
	n.Reason = oneLine(n.Reason, maxReason)
	if n.Zone == nil {
		n.Zone = time.UTC
	}

	l := write(n)
	l.Subject = oneLine(l.Subject, maxSubject)
	l.Link, l.Download, l.Host = n.Link, n.Download, u.Host
	for i := range l.Lines {
		l.Lines[i] = oneLine(l.Lines[i], maxReason)
	}
	var text, page bytes.Buffer
	if err := texts.ExecuteTemplate(&text, "letter.txt", l); err != nil {
		return Content{}, fmt.Errorf("render mail %q as text: %w", kind, err)
	}
	if err := pages.ExecuteTemplate(&page, "letter.html", l); err != nil {
		return Content{}, fmt.Errorf("render mail %q as HTML: %w", kind, err)
	}
	return Content{Subject: l.Subject, Text: text.String(), HTML: page.String()}, nil
}

func webAddress(link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		return nil, errors.New("the link is not an absolute web address")
	}
	return u, nil
}

// named is a box's name in a sentence.
func named(s string) string {
	if s = oneLine(s, maxTitle); s == "" {
		return "a box"
	}
	return s
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

// count writes a number with its noun: "1 box", "8 boxes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
