package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/blob"
	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// rig is the pages over a real relay on SQLite.
type rig struct {
	t      *testing.T
	db     *store.Store
	blobs  *blob.Store
	bus    *bus.Bus
	auth   *auth.Service
	relay  *relay.Service
	web    *Web
	server *httptest.Server
	stop   context.CancelFunc // ends Base
	setup  string             // the one-time key

	mu  sync.Mutex
	now time.Time
}

const password = "four words only mine"

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, bus: bus.New(), now: time.Now().Truncate(time.Second)}
	log := slog.New(slog.DiscardHandler)
	var err error
	r.db, err = store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(dir, "db"), Logger: log})
	r.must(err)
	r.blobs, err = blob.Open(filepath.Join(dir, "media"))
	r.must(err)
	key, err := auth.LoadKey(dir)
	r.must(err)
	base, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.auth = auth.New(auth.Options{
		MayInvite: func(ctx context.Context, who model.Actor, project string) error {
			return r.relay.Allowed(ctx, who, project, model.People)
		},
		Store: r.db, Key: key, Log: log, Now: r.clock})
	r.relay = relay.New(relay.Options{Store: r.db, Teller: teller{r.bus}, Composer: letter{}, Now: r.clock, Log: log, Codes: coder{key}})
	r.web, err = New(Options{
		Relay: r.relay, Auth: r.auth, Bus: r.bus, Media: r.blobs, PublicURL: "https://illumi.example.org",
		Server: "illumi", Now: r.clock, Log: log, Base: base,
	})
	r.must(err)
	e := echo.New()
	e.HTTPErrorHandler = r.render
	r.web.Register(e, noUploads{})
	r.server = httptest.NewServer(e)
	t.Cleanup(func() {
		stop()
		r.server.Close()
		r.must(r.blobs.Close())
		r.must(r.db.Close())
	})
	address, _, err := r.auth.MakeSetupAddress(t.Context(), r.server.URL)
	r.must(err)
	_, r.setup, _ = strings.Cut(address, "#")
	return r
}

// render is the app's renderer, as far as pages need it.
func (r *rig) render(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := map[protocol.Code]int{
		protocol.CodeNotFound: 404, protocol.CodeSignIn: 401, protocol.CodeForbidden: 403, protocol.CodeConflict: 409, protocol.CodeInvalid: 422,
	}
	e, ok := model.AsError(err)
	if !ok && err == echo.ErrNotFound { //nolint:errorlint // the sentinel itself
		e = model.NotFound("page")
	} else if !ok {
		r.t.Errorf("%s %s: %v", c.Request().Method, c.Request().URL, err)
		e = model.Refuse(protocol.CodeInternal, "Something went wrong.", "Try again.")
	}
	code := status[e.Code]
	if code == 0 {
		code = 500
	}
	r.must(r.web.RenderError(c, code, e))
}

type noUploads struct{}

func (noUploads) Serve(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusTeapot)
	return nil
}

type teller struct{ bus *bus.Bus }

func (teller) Look(string)                                        {}
func (teller) Recall(string, protocol.HopRef)                     {}
func (t teller) Changed(whisper string)                           { t.bus.Publish(bus.Whisper(whisper)) }
func (t teller) BoxesChanged()                                    { t.bus.Publish(bus.Boxes) }
func (teller) Revoked(string)                                     {}
func (teller) Settings(string, protocol.Settings)                 {}
func (teller) Remind(string, protocol.HopRef)                     {}
func (t teller) MailQueued()                                      { t.bus.Publish(bus.Mails) }
func (teller) Unnamed([]string, time.Time)                        {}
func (teller) Happened(string)                                    {}
func (teller) Ask(string, protocol.MessageType, protocol.Request) {}

type coder struct{ auth.Key }

func (coder) NewCode() string { return auth.NewCode() }

type letter struct{}

func (letter) Compose(kind string, n relay.News, to string) (model.Mail, error) {
	id := store.NewID()
	return model.Mail{ID: id, To: to, Subject: kind + " " + n.Whisper.Title, Text: "t", HTML: "h", MessageID: "m@" + id}, nil
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(time.Millisecond)
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// visitor is a browser without scripts.
type visitor struct {
	*rig
	client *http.Client
	actor  model.Actor
}

func (r *rig) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	r.must(err)
	return &visitor{rig: r, client: &http.Client{
		Jar: jar, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// signedIn is a visitor with an account.
func (r *rig) signedIn(email string, role model.Role) *visitor {
	r.t.Helper()
	u, err := r.auth.CreateUser(r.t.Context(), email, email, password, role)
	r.must(err)
	v := r.visitor()
	v.actor = model.Actor{UserID: u.ID, Role: role}
	if got := v.post("/sign-in", url.Values{"email": {email}, "password": {password}}); got.status != http.StatusSeeOther {
		r.t.Fatalf("signing in: %d %s", got.status, got.body)
	}
	return v
}

type answered struct {
	status int
	header http.Header
	body   string
}

func (v *visitor) do(method, path string, body io.Reader, header ...string) answered {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.server.URL+path, body)
	v.must(err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.client.Do(req)
	v.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	v.must(err)
	a := answered{res.StatusCode, res.Header, string(text)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && strings.HasPrefix(a.body, "<!doctype") {
		checkPage(v.t, method+" "+path, a.body)
	}
	return a
}

func (v *visitor) get(path string, header ...string) answered {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil, header...)
}

func (v *visitor) post(path string, form url.Values) answered {
	v.t.Helper()
	return v.do(http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

// has fails where a page lacks some of its parts.
func (a answered) has(t *testing.T, status int, parts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			t.Errorf("no %q in %s", p, a.body)
		}
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// upload puts a finished upload of some bytes where the real one would be.
func (r *rig) upload(owner string, role protocol.Role, content string) protocol.File {
	r.t.Helper()
	raw, shared := []byte(content), []byte("shared "+content)
	for _, b := range [][]byte{raw, shared} {
		_, err := r.blobs.Put(r.t.Context(), bytes.NewReader(b))
		r.must(err)
	}
	kind, width := "audio/wav", 0
	if role == protocol.RoleImage {
		kind, width = "image/jpeg", 40
	}
	u := model.Upload{
		ID: store.NewID(), OwnerID: owner, FinishedAt: r.clock(), ExpiresAt: r.clock().Add(time.Hour),
		Media: model.Media{
			Role: role, Type: kind, SHA256: digest(raw), Size: int64(len(raw)), Width: width, Height: width, SharedWidth: width, SharedHeight: width,
			SharedType: kind, SharedSHA256: digest(shared), SharedSize: int64(len(shared)),
		},
	}
	r.must(r.db.Tx(r.t.Context(), func(tx *store.Tx) error { return tx.PutUpload(r.t.Context(), u) }))
	return protocol.File{Role: role, SHA256: digest(raw), Size: int64(len(raw)), Type: kind, Encoding: protocol.EncodingPlain, Upload: u.ID}
}

// enrol makes boxes and returns their ids.
func (r *rig) enrol(admin model.Actor, names ...string) []string {
	r.t.Helper()
	var ids []string
	for _, name := range names {
		code, _, err := r.relay.MakeCode(r.t.Context(), admin, name)
		r.must(err)
		d, err := r.relay.Enroll(r.t.Context(), protocol.EnrollRequest{
			Code: code, Secret: digest([]byte(name)), BoardModel: "Pi", BoardSerial: name, Agent: "t", Version: 1,
			Capabilities: protocol.Capabilities{Buttons: 1},
		})
		r.must(err)
		ids = append(ids, d.ID)
	}
	return ids
}

func (r *rig) project(owner model.Actor, title string, f model.Forwarding) model.Project {
	r.t.Helper()
	p, err := r.relay.CreateProject(r.t.Context(), owner, model.Project{Title: title, Forwarding: f})
	r.must(err)
	return p
}

func (r *rig) start(owner model.Actor, p model.Project, title string, boxes ...string) model.Whisper {
	r.t.Helper()
	started, err := r.relay.Start(r.t.Context(), owner, relay.StartRequest{
		ProjectID: p.ID, Title: title, Audio: r.upload(owner.UserID, protocol.RoleAudio, "seed "+title).Upload,
		Image: r.upload(owner.UserID, protocol.RoleImage, "picture "+title).Upload, Boxes: boxes,
	})
	r.must(err)
	return started[0]
}

// answer lets the box whose turn it is answer.
func (r *rig) answer(w model.Whisper, position int, words string) protocol.Receipt {
	r.t.Helper()
	device := w.Hops[position-1].DeviceID
	page, err := r.relay.Offers(r.t.Context(), device, "")
	r.must(err)
	for _, o := range page.Offers {
		if o.Whisper != w.ID {
			continue
		}
		receipt, err := r.relay.Reply(r.t.Context(), device, o.Hop, protocol.Reply{
			ID: store.NewID(), Epoch: o.Epoch, Take: 1, Files: []protocol.File{r.upload(device, protocol.RoleAudio, words)},
			Facts: protocol.Facts{SavedAt: r.clock(), Takes: 1, SentBy: "press", Photo: "none", Plays: 2},
		})
		r.must(err)
		return receipt
	}
	r.t.Fatal(fmt.Errorf("no offer at position %d", position))
	return protocol.Receipt{}
}
