package web

import (
	"html/template"
	"net/url"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// castRows are rows of every kind, made of the same words.
func castRows(words string) map[string]template.HTML {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	row := boxRow{
		Device: model.Device{
			ID: words, Name: words, BoardModel: words, HeldAt: at, EnrolledAt: at, LastSeenAt: at, ConnectedAt: at, ActiveHop: "h",
			FirstGen: model.FirstGen{Networks: []string{words}},
		},
		Presence: presence{presences[model.PresenceAway], at, model.PresenceAway},
		Needs:    words, Place: words, Moved: "up", Notes: []boxNote{{"queued", words, at}},
	}
	mail := mailRow{Mail: model.Mail{ID: words, Subject: words, To: words, Attempts: 2, NextAt: at}, About: words, Waiting: true, State: mailLogStates[model.MailQueued]}
	return map[string]template.HTML{
		"box": boxItem(row, true), "choice": choice(row, true, 0), "mail": mailItem(mail) + "</li>",
		"wait":    waitItem(whisperRow{ID: words, Title: words, Project: words, Box: words, Since: at, Presence: row.Presence}),
		"project": projectItem(relay.ProjectRow{Project: model.Project{ID: words, Title: words}}),
		"line":    line(eventView{words, words, words, words, at}), "way": way("/boxes/", words, words),
	}
}

// Rows that are cast in moulds let nothing through that people typed, and say
// all of it: but for the words they are the rows of anybody.
func TestRows_hostile(t *testing.T) {
	const plain = "plainwords"
	want := castRows(plain)
	for _, words := range append(hostile, "%0 %1", `{{icon "key"}}`) {
		back := strings.NewReplacer(template.HTMLEscapeString(url.PathEscape(words)), plain, template.HTMLEscapeString(words), plain)
		for name, got := range castRows(words) {
			if back.Replace(string(got)) != string(want[name]) {
				t.Errorf("%s of %q:\n%s\nwant but for the words\n%s", name, words, got, want[name])
			}
			if strings.Contains(string(got), "<script") || strings.Count(string(got), "<") != strings.Count(string(want[name]), "<") {
				t.Errorf("%s: %q gets through: %s", name, words, got)
			}
		}
	}
}
