package mail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
)

const testID = "01936b4e-0000-7000-8000-00000000000a"

var started = time.Date(2026, 11, 20, 9, 10, 0, 0, time.UTC)

func news() News {
	return News{
		Whisper: "Harbour", Project: "Voices of the quay", Boxes: 8, Answered: 8,
		Started: started, Completed: started.Add(50 * time.Hour),
		Link: "https://illumi.example.org/whispers/" + testID,
	}
}

func letter(t *testing.T, n News) model.Mail {
	t.Helper()
	c, err := Render(KindComplete, n)
	if err != nil {
		t.Fatal(err)
	}
	return model.Mail{
		ID: testID, To: "ann@example.org", Subject: c.Subject, Text: c.Text, HTML: c.HTML,
		MessageID: MessageID(testID, "https://illumi.example.org"), State: model.MailQueued,
		CreatedAt: started.Add(50 * time.Hour), NextAt: started.Add(50 * time.Hour),
	}
}

// parsed is a received message, its parts decoded.
type parsed struct {
	header     mail.Header
	subject    string
	text, html string
}

func parse(t *testing.T, raw []byte) parsed {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("read message: %v\n%s", err, raw)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	p := parsed{header: m.Header, subject: subject}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q, %v", kind, err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatal(err)
		}
		if enc := part.Header.Get("Content-Transfer-Encoding"); enc != "quoted-printable" {
			t.Fatalf("encoding %q", enc)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		switch ct := part.Header.Get("Content-Type"); {
		case strings.HasPrefix(ct, "text/plain"):
			p.text = string(body)
		case strings.HasPrefix(ct, "text/html"):
			p.html = string(body)
		default:
			t.Fatalf("a part of type %q does not belong into a mail", ct)
		}
	}
}

func TestMessageID(t *testing.T) {
	for url, host := range map[string]string{
		"https://Illumi.Example.org:8443/x": "illumi.example.org",
		"http://127.0.0.1:8080":             "127.0.0.1",
		"http://[::1]:8080":                 "localhost",
		"":                                  "localhost",
		"https://a b":                       "localhost",
	} {
		if got := MessageID("x", url); got != "x@"+host {
			t.Errorf("%q: got %q, want host %q", url, got, host)
		}
	}
}

func TestOpen_RefusesAndKeepsSecret(t *testing.T) {
	for _, setting := range []string{
		"", "sendmail", "http://x", "smtp://", "smtp://u:hunter2secret@", "smtp://u:hunter2secret@h:99999",
		"smtp://u:hunter2secret@h:0", "smtp://u:hunter2secret@h/path", "smtp://u:hunter2secret@h?tls=maybe",
		"smtp://u:hunter2secret@h?tls=none", "smtp://u:hunter2secret@h?retries=3", "smtp://u:hunter2secret%zz@h",
		"smtps://u:hunter2secret@h?tls=none", "smtp://h?from=nobody", "smtp://h?from=a@b%0d%0aBcc:c@d",
	} {
		s, err := Open(setting, Options{PublicURL: "https://illumi.example.org"})
		if err == nil {
			t.Errorf("%q: opened as %+v", setting, s)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func TestOpenSMTP_Defaults(t *testing.T) {
	for _, c := range []struct{ setting, port, policy, from string }{
		{"smtp://mail.example.org", "587", "TLSOpportunistic", "illumi@illumi.example.org"},
		{"smtp://ann%40example.org:pw@mail.example.org:2525", "2525", "TLSMandatory", "ann@example.org"},
		{"smtps://user:pw@mail.example.org?from=study@example.org", "465", "TLSMandatory", "study@example.org"},
		{"smtp://127.0.0.1:25?tls=none", "25", "NoTLS", "illumi@illumi.example.org"},
	} {
		s, err := OpenSMTP(c.setting, Options{PublicURL: "https://illumi.example.org"})
		if err != nil {
			t.Errorf("%s: %v", c.setting, err)
			continue
		}
		if s.port != c.port || s.policy.String() != c.policy || s.from != c.from {
			t.Errorf("%s: port %s policy %s from %s", c.setting, s.port, s.policy, s.from)
		}
	}
}

func TestLogSender(t *testing.T) {
	dir := t.TempDir()
	s, err := Open("log", Options{Dir: dir, PublicURL: "https://illumi.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	m := letter(t, news())
	for range 2 { // the second attempt replaces the first
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "mail", "*"))
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "20261122T111000Z-"+testID+".eml" {
		t.Fatalf("files %v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, raw)
	if p.subject != `Whisper "Harbour" is complete (8 of 8)` || p.header.Get("To") != "<ann@example.org>" {
		t.Errorf("subject %q to %q", p.subject, p.header.Get("To"))
	}

	m.ID = "../../etc/x"
	if err := s.Send(t.Context(), m); !errors.Is(err, ErrPermanent) {
		t.Errorf("an id that is no id: %v", err)
	}
}

func TestCompose_SameBytesEachTime(t *testing.T) {
	m := letter(t, news())
	var a, b bytes.Buffer
	for _, buf := range []*bytes.Buffer{&a, &b} {
		msg, err := compose(m, "illumi@example.org", "example.org")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := msg.WriteTo(buf); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("two attempts differ:\n%s\n---\n%s", a.Bytes(), b.Bytes())
	}
	p := parse(t, a.Bytes())
	if got := p.header.Get("Message-Id"); got != "<"+testID+"@illumi.example.org>" {
		t.Errorf("Message-ID %q", got)
	}
	if got, err := p.header.Date(); err != nil || !got.Equal(m.CreatedAt) {
		t.Errorf("date %v, %v", got, err)
	}
	if got := p.header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted %q", got)
	}
}
