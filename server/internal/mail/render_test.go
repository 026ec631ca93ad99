package mail

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestRender_Complete(t *testing.T) {
	all := news()
	skipped := news()
	skipped.Answered, skipped.Skipped = 6, 2
	one := news()
	one.Boxes, one.Answered = 1, 1
	oneSkipped := news()
	oneSkipped.Answered, oneSkipped.Skipped = 7, 1
	for name, c := range map[string]struct {
		news    News
		subject string
		body    string
	}{
		"all":         {all, `Whisper "Harbour" is complete (8 of 8)`, "All 8 boxes answered."},
		"skipped":     {skipped, `Whisper "Harbour" is complete (6 of 8)`, "6 of 8 boxes answered. 2 boxes were passed over."},
		"one skipped": {oneSkipped, `Whisper "Harbour" is complete (7 of 8)`, "7 of 8 boxes answered. 1 box was passed over."},
		"one":         {one, `Whisper "Harbour" is complete (1 of 1)`, "The box answered."},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Render(KindComplete, c.news)
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != c.subject {
				t.Errorf("subject %q", got.Subject)
			}
			for part, s := range map[string]string{"text": got.Text, "html": got.HTML} {
				for _, want := range []string{c.body, "Friday 20 November 2026, 09:10 UTC", "Sunday 22 November 2026, 11:10 UTC",
					"Voices of the quay", c.news.Link, "You get this mail because you started this whisper.", "Sent by illumi.example.org."} {
					if !strings.Contains(s, want) {
						t.Errorf("%s lacks %q:\n%s", part, want, s)
					}
				}
				if n := strings.Count(s, "://"); n != 1 {
					t.Errorf("%s has %d links, want one", part, n)
				}
				if strings.Contains(s, "<img") || strings.Contains(s, "src=") {
					t.Errorf("%s carries media", part)
				}
			}
			if strings.Contains(got.Text, "\n\n\n") {
				t.Errorf("gap in the text:\n%s", got.Text)
			}
		})
	}
}

func TestRender_Refuses(t *testing.T) {
	for _, link := range []string{"", "/whispers/1", "javascript:alert(1)", "https://", "ftp://x/y", "https://a:b@x/"} {
		n := news()
		n.Link = link
		if _, err := Render(KindComplete, n); err == nil {
			t.Errorf("link %q was taken", link)
		}
	}
	if _, err := Render("unknown", news()); err == nil {
		t.Error("an unknown kind was rendered")
	}
}

// hostile titles: each tries to become more than a title.
var hostile = []string{
	"x\r\nBcc: eve@example.org", "x\nSubject: two", "x\r\n\r\n<b>body</b>", "x\u2028Bcc: a@b", "x\u0085y",
	"=?utf-8?q?=0D=0ABcc:_eve@example.org?=", `"quoted" 'and' “more”`, "<script>alert(1)</script>", "</title><script>x</script>",
	"\u202egpj.exe\u2066", "{{.Link}}", "été à la plage — 東京 🎈👩‍👩‍👧", strings.Repeat("🎈", 500), "\x00\x1b[31m", "\xff\xfe", " \t ", "",
	".\r\n.\r\nMAIL FROM:<x@y>",
}

func TestRender_HostileTitles(t *testing.T) {
	for _, title := range hostile {
		checkHostile(t, title, title)
	}
}

func FuzzRender(f *testing.F) {
	for _, title := range hostile {
		f.Add(title, "project")
	}
	f.Fuzz(func(t *testing.T, whisper, project string) { checkHostile(t, whisper, project) })
}

// checkHostile sends a whisper and project with these titles through rendering
// and composing, and demands the same envelope and headers as for plain ones.
func checkHostile(t *testing.T, whisper, project string) {
	t.Helper()
	n := news()
	n.Whisper, n.Project = whisper, project
	m := letter(t, n)
	for _, r := range m.Subject {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			t.Errorf("%q: subject %q has %U", whisper, m.Subject, r)
		}
	}
	if !strings.HasPrefix(m.Subject, `Whisper "`) || !strings.HasSuffix(m.Subject, `" is complete (8 of 8)`) || strings.Count(m.Subject, `"`) != 2 {
		t.Errorf("%q: subject %q", whisper, m.Subject)
	}
	if strings.Count(m.HTML, "<") != strings.Count(letter(t, news()).HTML, "<") {
		t.Errorf("%q: the title became markup:\n%s", whisper, m.HTML)
	}
	if strings.Count(m.Text, "\n") != strings.Count(letter(t, news()).Text, "\n") {
		t.Errorf("%q: the title became lines:\n%s", whisper, m.Text)
	}
	msg, err := compose(m, "illumi@example.org", "example.org")
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	p := parse(t, raw.Bytes())
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	if got := slices.Sorted(maps.Keys(p.header)); !slices.Equal(got, want) {
		t.Errorf("%q: headers %v", whisper, got)
	}
	if p.subject != m.Subject {
		t.Errorf("%q: subject %q came back as %q", whisper, m.Subject, p.subject)
	}
	if got := strings.ReplaceAll(p.text, "\r\n", "\n"); got != m.Text {
		t.Errorf("%q: text changed on the way:\n%q\n%q", whisper, got, m.Text)
	}
}

func TestDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine has no time zones:", err)
	}
	at := time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		zone *time.Location
		at   time.Time
		want string
	}{
		{time.UTC, at, "Saturday 28 February 2026, 23:30 UTC"},
		{berlin, at, "Sunday 1 March 2026, 00:30 CET"},
		{berlin, at.AddDate(0, 5, 0), "Saturday 1 August 2026, 01:30 CEST"},
		{berlin, time.Time{}, "not known"},
	} {
		if got := (News{Zone: c.zone}).day(c.at); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.at, c.zone, got, c.want)
		}
	}
}

// Who is invited has no account yet, and who forgot a password cannot sign in: their mails must not ask for it.
func TestRender_SignIn(t *testing.T) {
	for kind := range kinds {
		open := kind == KindInvite || kind == KindSignUp || kind == KindReset || kind == KindPasswordChanged
		got, err := Render(kind, news())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{got.Text, got.HTML} {
			if strings.Contains(s, "you to sign in") == open {
				t.Errorf("%s:\n%s", kind, s)
			}
		}
		if strings.Contains(got.Text, "\n\n\n") || !strings.Contains(got.Text, "\n\n-- \n") {
			t.Errorf("%s: gaps in the text:\n%s", kind, got.Text)
		}
	}
}
