package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// rig is a whole server on a port of its own, with its data in a temporary
// directory.
type rig struct {
	*App
	t    *testing.T
	addr string
	url  string
	log  *logbook
	end  func() error // stops it, once, and returns what Serve returned
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := Defaults()
	cfg.Listen, cfg.Data = "127.0.0.1:0", t.TempDir()
	for _, c := range change {
		c(&cfg)
	}
	book := &logbook{}
	a, err := New(t.Context(), cfg, slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	l, err := a.Listen()
	if err == nil {
		err = a.Prepare(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	r := &rig{App: a, t: t, addr: l.Addr().String(), url: a.PublicURL(), log: book}
	r.end = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := r.end(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

// logbook keeps log lines.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *logbook) with(part string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

// must is for what has to work: must(f())(t).
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// client sends requests: as nobody, with a box's secret or with a cookie.
type client struct {
	r      *rig
	header http.Header
}

func (r *rig) nobody() client { return client{r, http.Header{}} }

func (c client) with(pairs ...string) client {
	c.header = c.header.Clone()
	for i := 0; i < len(pairs); i += 2 {
		c.header.Set(pairs[i], pairs[i+1])
	}
	return c
}

type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem protocol.Problem
}

// do sends a request. A refusal of the API has to be a whole problem document.
func (c client) do(method, at string, body io.Reader) answer {
	t := c.r.t
	t.Helper()
	req := must(http.NewRequestWithContext(t.Context(), method, c.r.url+at, body))(t)
	req.Header = c.header.Clone()
	noRedirects := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := noRedirects.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, at, err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		a.body = must(io.ReadAll(resp.Body))(t)
	}
	if a.status >= 400 && strings.HasPrefix(at, "/api/") && method != http.MethodHead && a.status != http.StatusRequestedRangeNotSatisfiable {
		if err := json.Unmarshal(a.body, &a.problem); err != nil { // the API for programs tells more than Problem
			t.Fatalf("%s %s: %d is no problem document: %q", method, at, a.status, a.body)
		}
		p := a.problem
		if got := resp.Header.Get("Content-Type"); got != protocol.ProblemType || p.Status != a.status || p.Detail == "" || p.Code == "" || p.Title == "" {
			t.Errorf("%s %s: incomplete problem %+v (%s)", method, at, p, got)
		}
	}
	return a
}

func (c client) json(method, at string, v any) answer {
	c.r.t.Helper()
	return c.do(method, at, bytes.NewReader(must(json.Marshal(v))(c.r.t)))
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := protocol.Decode(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

func (a answer) refused(t *testing.T, status int, code protocol.Code) {
	t.Helper()
	if a.status != status || a.problem.Code != code {
		t.Errorf("answered %d %s, want %d %s", a.status, a.body, status, code)
	}
}

const password = "four words will do"

// person makes an account and signs in by the page.
func (r *rig) person(email string, role model.Role) client {
	r.t.Helper()
	must(r.CreateUser(r.t.Context(), email, "", role, password))(r.t)
	return r.signIn(email)
}

func (r *rig) signIn(email string) client {
	r.t.Helper()
	form := url.Values{"email": {email}, "password": {password}}
	a := r.nobody().with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/sign-in", strings.NewReader(form.Encode()))
	for _, line := range a.header.Values("Set-Cookie") {
		if c := must(http.ParseSetCookie(line))(r.t); c.Name == "illumi" {
			return r.nobody().with("Cookie", c.Name+"="+c.Value)
		}
	}
	r.t.Fatalf("no session: %d %s", a.status, a.body)
	return client{}
}

func (c client) form(at string, values url.Values) answer {
	c.r.t.Helper()
	return c.with("Content-Type", "application/x-www-form-urlencoded").do("POST", at, strings.NewReader(values.Encode()))
}

// box is an enrolled device.
type box struct {
	client
	id, name, secret string
}

const board = "0000 board é"

func secretOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (r *rig) enrolment(code, name string) protocol.EnrollRequest {
	return protocol.EnrollRequest{Code: code, Secret: secretOf(name), BoardSerial: board, Agent: "test", Version: 1}
}

func (r *rig) enrol(name string) box {
	r.t.Helper()
	code, _, err := r.MakeCode(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	var got protocol.EnrollResponse
	r.nobody().json("POST", protocol.PathEnroll, r.enrolment(protocol.FormatCode(code), name)).into(r.t, &got)
	c := r.nobody().with("Authorization", "Bearer "+secretOf(name), protocol.HeaderBoard, board)
	return box{c, got.Device, got.Name, secretOf(name)}
}

// wav is a recording of a tone.
func wav(seconds float64, hertz float64) []byte {
	const rate = 16000
	n := int(seconds * rate)
	data := make([]byte, 44, 44+2*n)
	copy(data, "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	le := binary.LittleEndian
	le.PutUint32(data[4:], uint32(36+2*n))
	le.PutUint32(data[24:], rate)
	le.PutUint32(data[28:], 2*rate)
	copy(data[32:], "\x02\x00\x10\x00data")
	le.PutUint32(data[40:], uint32(2*n))
	for i := range n {
		data = le.AppendUint16(data, uint16(int16(8000*math.Sin(2*math.Pi*hertz*float64(i)/rate))))
	}
	return data
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// upload sends a recording by tus in two parts, and returns the upload's id.
func (c client) upload(base string, data []byte) string {
	t := c.r.t
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	meta := "role " + b64([]byte("audio")) + ",sha256 " + b64([]byte(digest(data)))
	c = c.with("Tus-Resumable", "1.0.0")
	made := c.with("Upload-Length", fmt.Sprint(len(data)), "Upload-Metadata", meta).do("POST", base, nil)
	if made.status != http.StatusCreated {
		t.Fatalf("upload: %d %s", made.status, made.body)
	}
	at := made.header.Get("Location")
	half := len(data) / 2
	c.patch(at, 0, data[:half])
	c.patch(at, half, data[half:])
	return path.Base(at)
}

func (c client) patch(at string, offset int, part []byte) {
	c.r.t.Helper()
	a := c.with("Upload-Offset", fmt.Sprint(offset), "Content-Type", "application/offset+octet-stream").do("PATCH", at, bytes.NewReader(part))
	if a.status != http.StatusNoContent {
		c.r.t.Fatalf("patch: %d %s", a.status, a.body)
	}
}

// start makes a project and a whisper through the pages; returns its id.
func (c client) start(forwarding string, boxes ...box) string {
	t := c.r.t
	t.Helper()
	made := c.form("/projects", url.Values{"title": {"Harbour"}, "forwarding": {forwarding}, "minutes": {"10"}})
	if made.status != http.StatusSeeOther {
		t.Fatalf("project: %d %s", made.status, made.body)
	}
	form := url.Values{"title": {"Gulls"}, "audio": {c.upload("/app/uploads/", wav(1, 440))}, "count": {"1"}, "key": {store.NewID()}}
	for _, b := range boxes {
		form.Add("box", b.id)
	}
	started := c.form(made.header.Get("Location")+"/start", form)
	if started.status != http.StatusSeeOther {
		t.Fatalf("start: %d %s", started.status, started.body)
	}
	return path.Base(started.header.Get("Location"))
}

func (b box) offers(since string) protocol.OffersPage {
	b.r.t.Helper()
	var page protocol.OffersPage
	b.do("GET", protocol.PathOffers+"?since="+since, nil).into(b.r.t, &page)
	return page
}

// offer is the one open offer.
func (b box) offer() protocol.Offer {
	b.r.t.Helper()
	page := b.offers("")
	if len(page.Offers) != 1 || page.Offers[0].Check() != nil {
		b.r.t.Fatalf("offers %+v, want one", page.Offers)
	}
	return page.Offers[0]
}

func (b box) answer(o protocol.Offer, data []byte) protocol.Reply {
	b.r.t.Helper()
	return protocol.Reply{
		ID: store.NewID(), Epoch: o.Epoch, Take: 1,
		Files: []protocol.File{{
			Role: protocol.RoleAudio, SHA256: digest(data), Size: int64(len(data)), Type: "audio/wav",
			Encoding: protocol.EncodingPlain, Upload: b.upload(protocol.PathUploads, data),
		}},
		Facts: protocol.Facts{SavedAt: time.Now().UTC(), Takes: 1, SentBy: "press", Photo: "none"},
	}
}

func replyAt(hop string) string { return protocol.PathHops + hop + "/reply" }

// socket is a live connection of a box.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

// knock opens the socket and says nothing.
func (b box) knock() socket {
	t := b.r.t
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, resp, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.r.url, "http")+protocol.PathSocket, b.header)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	resp.Body.Close()
	if ws.Subprotocol() != protocol.Subprotocol {
		t.Errorf("subprotocol %q", ws.Subprotocol())
	}
	t.Cleanup(func() { ws.Close() })
	if err := ws.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return socket{t, ws}
}

// dial opens the socket and is welcomed.
func (b box) dial() (socket, protocol.Welcome) {
	b.r.t.Helper()
	s := b.knock()
	s.say(protocol.TypeHello, "h-1", protocol.Hello{Version: 1, Agent: "test 1", BootID: "boot"})
	m := s.read()
	var w protocol.Welcome
	if err := protocol.Decode(m.Body, &w); m.Type != protocol.TypeWelcome || m.ID != "h-1" || err != nil || w.Check() != nil || w.Settings.Check() != nil {
		b.r.t.Fatalf("greeted with %+v: %v", m, err)
	}
	return s, w
}

func (s socket) say(t protocol.MessageType, id string, body any) {
	s.t.Helper()
	s.frame(websocket.TextMessage, must(protocol.Encode(t, id, body))(s.t))
}

func (s socket) frame(kind int, data []byte) {
	s.t.Helper()
	if err := s.ws.WriteMessage(kind, data); err != nil {
		s.t.Fatal(err)
	}
}

func (s socket) read() protocol.Message {
	s.t.Helper()
	_, frame, err := s.ws.ReadMessage()
	if err != nil {
		s.t.Fatal(err)
	}
	return must(protocol.ParseMessage(frame))(s.t)
}

// await reads on to a message of a type.
func (s socket) await(want protocol.MessageType) protocol.Message {
	s.t.Helper()
	for {
		if m := s.read(); m.Type == want {
			return m
		}
	}
}

// closed reads to the end, and wants it to be so.
func (s socket) closed(code int, reason string) {
	s.t.Helper()
	for {
		_, _, err := s.ws.ReadMessage()
		if err == nil {
			continue
		}
		if ce, ok := err.(*websocket.CloseError); !ok || ce.Code != code || ce.Text != reason { //nolint:errorlint // gorilla returns it bare
			s.t.Errorf("ended with %v, want %d %q", err, code, reason)
		}
		s.ws.Close()
		return
	}
}
