package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// pageless renders no pages.
type pageless struct{ shown []int }

func (p *pageless) RenderError(c echo.Context, status int, e *model.Error) error {
	p.shown = append(p.shown, status)
	return c.String(status, e.Sentence)
}

// serveOnce runs one handler behind the renderer and the guards.
func serveOnce(t *testing.T, at string, h echo.HandlerFunc) (*httptest.ResponseRecorder, *logbook) {
	t.Helper()
	book := &logbook{}
	log := slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e := echo.New()
	e.HTTPErrorHandler = renderer(&pageless{}, log)
	e.Use(recoverer, headers(false), bounds(waits{}))
	e.GET(at, h)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", at, nil))
	return w, book
}

func TestRenderer_InternalErrorsAreLoggedOnceAndNeverShown(t *testing.T) {
	for name, h := range map[string]echo.HandlerFunc{
		"error":      func(echo.Context) error { return errors.New("the secret detail") },
		"panic":      func(echo.Context) error { panic("the secret detail") },
		"http error": func(echo.Context) error { return echo.NewHTTPError(502, "the secret detail") },
		"cause": func(echo.Context) error {
			return &model.Error{Code: protocol.CodeInternal, Sentence: "Something went wrong here.", Wrapped: errors.New("the secret detail")}
		},
	} {
		for _, at := range []string{"/page", "/api/v1/x"} {
			t.Run(name+at, func(t *testing.T) {
				w, book := serveOnce(t, at, h)
				if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "Something went wrong here.") {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if n := len(book.with("the secret detail")); n != 1 || len(book.lines) != 1 || !strings.Contains(book.lines[0], `"level":"ERROR"`) {
					t.Errorf("logged %d times: %q", n, book.lines)
				}
				if stack := strings.Contains(book.lines[0], "serve_test.go"); stack != (name == "panic") {
					t.Errorf("a stack in the log: %t", stack)
				}
			})
		}
	}
}

func TestRenderer_RefusalIsShownAndNoTrouble(t *testing.T) {
	w, book := serveOnce(t, "/api/v1/x", func(echo.Context) error {
		e := model.Refuse(protocol.CodeThrottled, "There were too many attempts.", "Try again in 3 seconds.")
		e.RetryAfter = 2500 * time.Millisecond
		return e
	})
	if w.Code != 429 || w.Header().Get("Retry-After") != "3" {
		t.Errorf("%d, again after %q", w.Code, w.Header().Get("Retry-After"))
	}
	if len(book.lines) != 1 || !strings.Contains(book.lines[0], `"level":"DEBUG"`) {
		t.Errorf("logged %q", book.lines)
	}
}

// What fails after the first byte cannot be shown any more, but must be known.
func TestRenderer_LateErrorIsLogged(t *testing.T) {
	w, book := serveOnce(t, "/page", func(c echo.Context) error {
		if err := c.String(200, "half"); err != nil {
			return err
		}
		return errors.New("the disk broke")
	})
	if w.Code != 200 || w.Body.String() != "half" || len(book.with("the disk broke")) != 1 {
		t.Errorf("%d %q, logged %q", w.Code, w.Body, book.lines)
	}
}

// deaf is a connection whose reader has left.
type deaf struct{ http.ResponseWriter }

func (deaf) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestRenderer_NobodyReadsIsNoTrouble(t *testing.T) {
	leave := func(c echo.Context) {
		c.Response().Writer.(*patient).ResponseWriter = deaf{c.Response().Writer.(*patient).ResponseWriter} //nolint:forcetypeassert // bounds made it
	}
	for name, h := range map[string]echo.HandlerFunc{
		"an answer":  func(c echo.Context) error { leave(c); return c.JSON(200, "x") },
		"a refusal":  func(c echo.Context) error { leave(c); return model.NotFound("box") },
		"other text": func(c echo.Context) error { leave(c); return c.String(200, "x") },
	} {
		_, book := serveOnce(t, "/api/v1/x", h)
		if n := len(book.with(`"level":"ERROR"`)); n != 0 || len(book.lines) != 1 {
			t.Errorf("%s: logged %q", name, book.lines)
		}
	}
	_, book := serveOnce(t, "/api/v1/x", func(c echo.Context) error {
		return c.Blob(204, "text/plain", []byte("too much"))
	})
	if len(book.with(`"level":"ERROR"`)) != 1 {
		t.Errorf("a handler's own mistake was taken for a reader who left: %q", book.lines)
	}
}

func TestRenderer_WrongMethodInWords(t *testing.T) {
	for program, want := range map[bool]string{
		false: "Go back, and use the links and buttons of the page.",
		true:  "Use one of the methods of the header Allow.",
	} {
		if refusal, code := refusalOf(echo.ErrMethodNotAllowed, program); code != 405 || refusal.Next != want {
			t.Errorf("%d %s, want %s", code, refusal.Next, want)
		}
	}
}

func TestServe_LogsStartAndStopWithoutSecrets(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mail = "smtp://post:hunter2@127.0.0.1:1?from=a@example.org" })
	b := r.enrol("conandoyle")
	s, _ := b.dial()
	r.person("someone@example.org", model.RoleResearcher)
	ended := make(chan error, 1)
	go func() { ended <- r.end() }()
	s.closed(1001, "")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// A box's own goroutine ends by itself, a moment after the server.
	for deadline := time.Now().Add(10 * time.Second); len(r.log.with(`"msg":"a box went offline"`)) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for _, want := range []string{`"msg":"serving"`, `"msg":"stopping"`, `"msg":"stopped"`, `"msg":"a box is online"`, `"msg":"a box went offline"`} {
		if n := len(r.log.with(want)); n != 1 {
			t.Errorf("%s was logged %d times", want, n)
		}
	}
	for _, secret := range []string{b.secret, "hunter2", password, "conandoyle", "someone@", board} {
		if lines := r.log.with(secret); len(lines) > 0 {
			t.Errorf("%q is in the log: %s", secret, lines)
		}
	}
}

// A page that is open and a download that nobody reads do not keep the server
// from stopping.
func TestServe_StopsWithOpenPages(t *testing.T) {
	r := newRig(t)
	c := r.person("r@example.org", model.RoleResearcher)
	req := must(http.NewRequestWithContext(t.Context(), "GET", r.url+"/boxes/live", nil))(t)
	req.Header = c.header.Clone()
	req.Header.Set("Accept", "text/event-stream")
	resp := must(http.DefaultClient.Do(req))(t)
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("live page: %d", resp.StatusCode)
	}
	begin := time.Now()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took >= graceTime {
		t.Errorf("stopping took %s: it waited for the page", took)
	}
	if _, err := net.Dial("tcp", r.addr); err == nil {
		t.Error("it still listens")
	}
}

func TestReady_FollowsTheDatabase(t *testing.T) {
	r := newRig(t)
	if a := r.nobody().do("GET", "/readyz", nil); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := r.nobody().do("GET", "/readyz", nil); a.status != 503 {
		t.Errorf("without a database: %d %s", a.status, a.body)
	}
	if a := r.nobody().do("GET", "/healthz", nil); a.status != 200 {
		t.Errorf("alive: %d", a.status)
	}
}

func TestTwoServers_OneDirectory(t *testing.T) {
	r := newRig(t)
	cfg := r.cfg
	second, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("an administration command beside the server: %v", err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := second.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "another server uses "+filepath.Join(cfg.Data, "uploads")) {
		t.Errorf("a second server: %v", err)
	}
	// What the command does is seen by the server.
	if _, _, err := second.MakeCode(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if n := len(must(r.relay.Codes(t.Context(), operator))(t)); n != 1 {
		t.Errorf("the server sees %d codes", n)
	}
}

func TestNew_RefusesInWords(t *testing.T) {
	taken := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		words  string
	}{
		"data below a file": {func(c *Config) { c.Data = filepath.Join(file, "x") }, "the data directory cannot be made; choose another with --data"},
		"port in use":       {func(c *Config) { c.Listen = taken.Addr().String() }, "is in use; is another server running there?"},
		"no address":        {func(c *Config) { c.Listen = "here" }, "is not like 127.0.0.1:8080"},
		"not our address":   {func(c *Config) { c.Listen = "192.0.2.1:80" }, "192.0.2.1:80 cannot be listened on"},
		"bad certificate":   {func(c *Config) { c.TLSCert, c.TLSKey = file, file }, "cannot be used: tls: failed to find any PEM data"},
		"no certificate":    {func(c *Config) { c.TLSCert, c.TLSKey = "nowhere", "nowhere" }, "the certificate nowhere and its key nowhere cannot be used"},
		"MySQL is away":     {func(c *Config) { c.DB = "mysql://u:hunter2@127.0.0.1:1/x" }, "the database cannot be reached; is it running, and is every part of --db right? The cause: store: reach 127.0.0.1:1/x: "},
		"no such database":  {func(c *Config) { c.DB = "postgres://x" }, "--db cannot be used: a database's address is sqlite:PATH, mysql://"},
		"bad mail":          {func(c *Config) { c.Mail = "carrier pigeon" }, "--mail is neither log nor like smtp://"},
		"bad proxy":         {func(c *Config) { c.TrustedProxies = []string{"10.0.0.1"} }, `the trusted proxy "10.0.0.1" in --trusted-proxies is not a network like 10.0.0.0/8`},
		"ftp":               {func(c *Config) { c.PublicURL = "ftp://example.org" }, `the public URL, --public-url "ftp://example.org", is not an address like https://illumi.example.org`},
		"path":              {func(c *Config) { c.PublicURL = "https://example.org/illumi" }, "is not an address like"},
		"credentials":       {func(c *Config) { c.PublicURL = "https://a:b@example.org" }, "is not an address like"},
		"query":             {func(c *Config) { c.PublicURL = "https://example.org?x" }, "is not an address like"},
		"no host":           {func(c *Config) { c.PublicURL = "https://:443" }, "is not an address like"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.Listen, cfg.Data = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
			tc.change(&cfg)
			err := startAndStop(t, cfg)
			if err == nil || !strings.Contains(err.Error(), tc.words) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("says %v, want %q", err, tc.words)
			}
		})
	}
}

// startAndStop does what serve does, as far as it comes.
func startAndStop(t *testing.T, cfg Config) error {
	t.Helper()
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	l, err := a.Listen()
	if err == nil {
		err = errors.Join(a.Prepare(t.Context()), l.Close())
	}
	return errors.Join(err, a.Close())
}

func TestPublicURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://localhost:8080",
		"0.0.0.0:80": "http://localhost:80", "[::]:80": "http://localhost:80", "[::1]:80": "http://[::1]:80",
	} {
		if u, err := publicURL(Config{Listen: listen}); err != nil || u.String() != want {
			t.Errorf("%s: %v %v, want %s", listen, u, err, want)
		}
	}
	u, err := publicURL(Config{Listen: ":443", TLSCert: "c"})
	if err != nil || u.String() != "https://localhost:443" {
		t.Errorf("%v %v", u, err)
	}
	u, err = publicURL(Config{Listen: ":80", PublicURL: "https://illumi.example.org/"})
	if err != nil || u.String() != "https://illumi.example.org" {
		t.Errorf("%v %v", u, err)
	}
}

// Without its listener a server is of no use: it stops in order and says why.
func TestServe_ListenerBreaks(t *testing.T) {
	cfg := Defaults()
	cfg.Listen, cfg.Data = "127.0.0.1:0", t.TempDir()
	a := must(New(t.Context(), cfg, slog.New(slog.DiscardHandler)))(t)
	l := must(a.Listen())(t)
	if err := a.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("served without a listener: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
