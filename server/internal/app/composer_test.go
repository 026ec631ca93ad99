package app

import (
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

var updateLetters = flag.Bool("update-letters", false, "write the letters of testdata/mail anew")

func letterNews() relay.News {
	at := time.Date(2026, 11, 16, 9, 10, 0, 0, time.UTC)
	return relay.News{
		Project: model.Project{ID: "p1", Title: "Voices of the quay", Settings: model.ProjectSettings{
			SenderName: "Quay study", ReplyTo: "ask@example.org", Hours: model.Hours{Zone: "Europe/Berlin"}}},
		Whisper: model.Whisper{ID: "w1", Title: "Harbour", StartedAt: at.Add(-72 * time.Hour), CompletedAt: at, Hops: []model.Hop{
			{Position: 1, State: model.HopApproved}, {Position: 2, State: model.HopSkipped}, {Position: 3, State: model.HopApproved},
		}},
		Hop: model.Hop{Position: 2}, Box: model.Device{Name: "Robin"},
		Since: at, Now: at.Add(49 * time.Hour), Count: 2, Link: "/whispers/w1",
		Lines: []string{"Harbour: 1 answer, now with Robin.", "Gulls: 2 answers, complete."},
	}
}

// Every kind of mail reads as it did. After a change of words look at the
// letters, then: go test ./server/internal/app -run Letters -update-letters
func TestLetters(t *testing.T) {
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		t.Skip("this machine has no time zones:", err)
	}
	public := sure(url.Parse("https://illumi.example.org/lab"))(t)
	for _, kind := range slices.Sorted(maps.Keys(mailKinds)) {
		t.Run(kind, func(t *testing.T) {
			m, err := composer{public}.Compose(kind, letterNews(), "ann@example.org")
			if err != nil {
				t.Fatal(err)
			}
			if m.SenderName != "Quay study" || m.ReplyTo != "ask@example.org" {
				t.Errorf("from %q, answers to %q", m.SenderName, m.ReplyTo)
			}
			if !strings.Contains(m.Text, "https://illumi.example.org/lab/whispers/w1\n") || !strings.Contains(m.HTML, `href="https://illumi.example.org/lab/whispers/w1"`) {
				t.Errorf("no link to the page:\n%s", m.Text)
			}
			for name, text := range map[string]string{"text": m.Text, "html": m.HTML} {
				want := 1
				if kind == relay.MailComplete {
					want = 2 // compare, download
				}
				if n := strings.Count(text, "://"); n != want {
					t.Errorf("%s has %d links, want %d", name, n, want)
				}
			}
			got, golden := "Subject: "+m.Subject+"\n\n"+m.Text, filepath.Join("testdata", "mail", kind+".txt")
			if *updateLetters {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := sure(os.ReadFile(golden))(t); got != string(want) {
				t.Errorf("the letter changed:\n%s\nwas:\n%s", got, want)
			}
		})
	}
}

// What a mail may name; all else that relay knows stays here (people.md W2).
var mayLeave = []string{".Project.Title", ".Whisper.Title", ".Box.Name", ".Project.Settings.SenderName", ".Project.Settings.ReplyTo", ".Reason"}

// A secret in every other text of the news shows in no mail.
func TestLetters_LeakNothing(t *testing.T) {
	var n relay.News
	var planted []string
	plant(reflect.ValueOf(&n).Elem(), "", &planted)
	n.Link, n.Lines = "/whispers/w1", nil // a path and lines are written by relay
	n.Project.Settings.ReplyTo = "ask@example.org"
	if len(planted) < 60 {
		t.Fatalf("only %d secrets were planted", len(planted))
	}
	public := sure(url.Parse("https://illumi.example.org"))(t)
	for kind := range mailKinds {
		m, err := composer{public}.Compose(kind, n, "ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range planted {
			path, _, _ := strings.Cut(secret, " ")
			if slices.Contains(mayLeave, path) || path == ".Project.ID" && kind == relay.MailComplete {
				continue // the id stands in the export's address
			}
			for part, text := range map[string]string{
				"subject": m.Subject, "text": m.Text, "html": m.HTML, "sender": m.SenderName, "reply-to": m.ReplyTo, "message-id": m.MessageID,
			} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(tokenOf(secret))) {
					t.Errorf("%s: %s leaks %s", kind, part, path)
				}
			}
		}
	}
}

// tokenOf is the part of a secret that no cleaning of titles changes.
func tokenOf(secret string) string {
	_, token, _ := strings.Cut(secret, " ")
	return token
}

// plant writes a text of its own into every string below v.
func plant(v reflect.Value, path string, planted *[]string) {
	switch v.Kind() {
	case reflect.String:
		token := fmt.Sprintf("xsecretx%dx", len(*planted))
		*planted = append(*planted, path+" "+token)
		v.SetString(token)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				plant(v.Field(i), path+"."+v.Type().Field(i).Name, planted)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(v.Index(0), path+"[]", planted)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), path, planted)
	}
}

// What people can type never keeps a mail from being written: it would keep
// the whisper from going on.
func TestLetters_AlwaysWritten(t *testing.T) {
	public := sure(url.Parse("https://illumi.example.org"))(t)
	for _, odd := range []string{"", " ", "\x00\r\n", "\xff\xfe", strings.Repeat("🎈", 4000), "a@b@c", "Nowhere/Never", "../../etc", "{{.}}", `"<x>`} {
		n := letterNews()
		n.Project.Title, n.Whisper.Title, n.Box.Name, n.Reason, n.Lines = odd, odd, odd, odd, []string{odd}
		n.Project.Settings = model.ProjectSettings{SenderName: odd, ReplyTo: odd, Hours: model.Hours{Zone: odd}}
		n.Box.Site.Hours.Zone = odd
		for kind := range mailKinds {
			m, err := composer{public}.Compose(kind, n, "ann@example.org")
			if err != nil {
				t.Errorf("%s with %q: %v", kind, odd, err)
			}
			if len([]rune(m.Subject)) > 400 || len([]rune(m.SenderName)) > 200 || len(m.ReplyTo) > 190 || len(m.Text) > 60000 || len(m.HTML) > 60000 {
				t.Errorf("%s with %q does not fit the table", kind, odd)
			}
		}
	}
}

func sure[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
