package world

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"illumi/protocol"
)

// Researcher uses the pages as a browser would: forms, cookies, uploads.
type Researcher struct {
	base string
	http *http.Client
}

// Visitor is somebody at the pages who is not signed in yet.
func (w *World) Visitor() (*Researcher, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Researcher{base: w.URL(), http: &http.Client{
		Jar:     jar,
		Timeout: 5 * time.Minute,
		// Where a form leads to is its answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// MakeAdministrator goes through the first door with its one-time key, and is
// signed in then.
func (r *Researcher) MakeAdministrator(ctx context.Context, token, email, name, password string) error {
	_, err := r.post(ctx, "/setup", url.Values{"token": {token}, "email": {email}, "name": {name}, "password": {password}})
	return err
}

// SignIn signs in.
func (r *Researcher) SignIn(ctx context.Context, email, password string) error {
	_, err := r.post(ctx, "/sign-in", url.Values{"email": {email}, "password": {password}, "next": {"/"}})
	return err
}

// Project makes a project and returns its id. hold is 0 for one that forwards
// answers straight away.
func (r *Researcher) Project(ctx context.Context, title string, hold time.Duration) (string, error) {
	form := url.Values{"title": {title}, "forwarding": {"straight"}}
	if hold > 0 {
		form.Set("forwarding", "after_pause")
		form.Set("minutes", strconv.FormatFloat(hold.Minutes(), 'f', -1, 64))
	}
	return r.post(ctx, "/projects", form)
}

// Upload sends a file and returns its address for a start.
func (r *Researcher) Upload(ctx context.Context, up Upload) (string, error) {
	return uploader{http: r.http, base: r.base + "/app/uploads/"}.send(ctx, up)
}

// Start is a request for one or more whispers.
type Start struct {
	Title        string
	Audio, Image string // addresses of finished uploads
	Boxes        []string
	Count        int
	Seed         string // of the order; empty: the server draws one
	Key          string // the same key starts nothing twice; empty: a new one
}

// Start starts whispers and returns the id of the one, or of their project
// where they are several.
func (r *Researcher) Start(ctx context.Context, project string, s Start) (string, error) {
	if s.Key == "" {
		s.Key = rand.Text()
	}
	return r.post(ctx, "/projects/"+project+"/start", url.Values{
		"title": {s.Title}, "audio": {s.Audio}, "image": {s.Image}, "box": s.Boxes,
		"count": {strconv.Itoa(max(s.Count, 1))}, "seed": {s.Seed}, "key": {s.Key},
	})
}

// Steer pauses, resumes or ends a whisper.
func (r *Researcher) Steer(ctx context.Context, whisper, step string) error {
	_, err := r.post(ctx, "/whispers/"+whisper+"/"+step, nil)
	return err
}

// newToken finds a token on the page that made it.
var newToken = regexp.MustCompile(`ilm_[A-Z2-7]+`)

// Token makes a token on the page for programs.
func (r *Researcher) Token(ctx context.Context, name string, scopes ...string) (string, error) {
	form := url.Values{"name": {name}, "scope": scopes, "days": {"7"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/account/tokens", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := r.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("the server cannot be reached: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", r.refused(res)
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("read the page of tokens: %w", err)
	}
	token := newToken.FindString(string(data))
	if token == "" {
		return "", errors.New("the page shows no token")
	}
	return token, nil
}

// Whisper is whisper.json as it is now, and its bytes.
func (r *Researcher) Whisper(ctx context.Context, id string) (Whisper, []byte, error) {
	data, err := r.Get(ctx, "/whispers/"+id+"/whisper.json")
	if err != nil {
		return Whisper{}, nil, err
	}
	w, err := ParseWhisper(data)
	return w, data, err
}

// Get reads a page or a document.
func (r *Researcher) Get(ctx context.Context, path string) ([]byte, error) {
	res, err := r.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

func (r *Researcher) open(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, r.refused(res)
	}
	return res, nil
}

// Save writes one file of a whisper to path and checks its bytes on the way.
func (r *Researcher) Save(ctx context.Context, whisper string, f File, to string) error {
	res, err := r.open(ctx, "/whispers/"+whisper+"/media/"+url.PathEscape(f.Name))
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.Name, err)
	}
	defer res.Body.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // a result for people to open
	if err != nil {
		return fmt.Errorf("save %s: %w", f.Name, err)
	}
	sum := newDigest()
	size, err := io.Copy(io.MultiWriter(out, sum), res.Body)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("save %s: %w", f.Name, err)
	}
	if got := digestText(sum); got != f.SHA256 || size != f.Size {
		return fmt.Errorf("%s arrived as %d bytes with SHA-256 %s; the record says %d and %s", f.Name, size, got, f.Size, f.SHA256)
	}
	return nil
}

// SetBox saves the settings of a box as its page has them.
func (r *Researcher) SetBox(ctx context.Context, box string, form url.Values) error {
	_, err := r.post(ctx, "/boxes/"+box, form)
	return err
}

// AskBox asks a box to look itself through, or to begin a practice turn.
func (r *Researcher) AskBox(ctx context.Context, box string, kind protocol.MessageType) error {
	_, err := r.post(ctx, "/boxes/"+box+"/ask", url.Values{"kind": {string(kind)}, "aloud": {"1"}})
	return err
}

// EndBox asks a box to erase the study, as somebody who typed its name.
func (r *Researcher) EndBox(ctx context.Context, box, name string) error {
	_, err := r.post(ctx, "/boxes/"+box+"/end", url.Values{"typed": {name}})
	return err
}

// RemoveBox ends a box's right to the server.
func (r *Researcher) RemoveBox(ctx context.Context, box string) error {
	_, err := r.post(ctx, "/boxes/"+box+"/revoke", nil)
	return err
}

// AddOldBox makes a box of the first generation, which may come from networks.
func (r *Researcher) AddOldBox(ctx context.Context, name, networks string) error {
	_, err := r.post(ctx, "/boxes/first-generation", url.Values{"name": {name}, "networks": {networks}})
	return err
}

// post sends a form and returns the last part of the address that it led to.
func (r *Researcher) post(ctx context.Context, to string, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+to, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := r.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("the server cannot be reached: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		return "", r.refused(res)
	}
	at, err := res.Location()
	if err != nil {
		return "", fmt.Errorf("the form led nowhere: %w", err)
	}
	if at.Path == "/sign-in" {
		return "", &Refusal{Status: http.StatusUnauthorized, Code: protocol.CodeSignIn, Sentence: "Nobody is signed in."}
	}
	return path.Base(at.Path), nil
}

var (
	middle = regexp.MustCompile(`(?s)<main[^>]*>(.*?)</main>`)
	alert  = regexp.MustCompile(`(?s)<[a-z]+[^>]*role="alert"[^>]*>(.*?)</div>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>|\s+`)
)

// refused finds the sentence that a page says no with.
func (r *Researcher) refused(res *http.Response) error {
	if res.Header.Get("Content-Type") == protocol.ProblemType {
		return problem(res)
	}
	refusal := &Refusal{Status: res.StatusCode, Sentence: "The server answers " + res.Status + "."}
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return refusal
	}
	m := alert.FindSubmatch(data)
	if m == nil {
		m = middle.FindSubmatch(data)
	}
	if m != nil {
		words := strings.Fields(html.UnescapeString(tags.ReplaceAllString(string(m[1]), " ")))
		refusal.Sentence = strings.Join(words, " ")
	}
	return refusal
}

func digestText(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
