package metric

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
)

// fake is a database that counts how often it is asked.
type fake struct {
	asked int
	err   error
}

func (f *fake) sources() Sources {
	return Sources{
		Gauges: func(context.Context) (model.Gauges, error) {
			f.asked++
			return model.Gauges{QueuedHops: 3, OldestQueued: time.Now().Add(-time.Minute), Travelling: 2, Needs: 1, Mails: 4, Deliveries: 5}, f.err
		},
		Database: func() model.DatabaseStats { return model.DatabaseStats{Open: 4, InUse: 1, Transactions: 7, Again: 2} },
		Boxes:    func() int { return 9 },
		Version:  "1.2.3",
	}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	if r.Code != 200 {
		t.Fatalf("scrape: %d %s", r.Code, r.Body)
	}
	return r.Body.String()
}

func TestMetrics(t *testing.T) {
	f := &fake{}
	m := New(f.sources())
	m.Event("received")
	m.Event("received")
	m.Mail(model.MailFailed)
	m.Upload(model.Upload{Media: model.Media{Role: "audio", Size: 1234}})
	text := scrape(t, m)
	for _, line := range []string{
		`illumi_events_total{kind="received"} 2`, `illumi_mails_total{outcome="failed"} 1`, `illumi_uploads_total{role="audio"} 1`,
		`illumi_upload_bytes_total 1234`, `illumi_boxes_connected 9`, `illumi_hops_waiting 3`, `illumi_whispers_travelling 2`,
		`illumi_whispers_need_decision 1`, `illumi_mails_waiting 4`, `illumi_hook_deliveries_waiting 5`, `illumi_database_up 1`,
		`illumi_database_connections{state="busy"} 1`, `illumi_database_connections{state="idle"} 3`, `illumi_database_reruns_total 2`,
		`illumi_build_info{version="1.2.3"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if !regexp.MustCompile(`illumi_hops_waiting_oldest_seconds (59|6\d)`).MatchString(text) {
		t.Error("the oldest turn's age is wrong")
	}
	scrape(t, m)
	if f.asked != 1 {
		t.Errorf("two scrapes asked the database %d times", f.asked)
	}
}

// A database that is away hides what it would know, and nothing else.
func TestMetrics_databaseAway(t *testing.T) {
	m := New((&fake{err: errors.New("away")}).sources())
	text := scrape(t, m)
	if !strings.Contains(text, "illumi_database_up 0\n") || !strings.Contains(text, "illumi_boxes_connected 9\n") || strings.Contains(text, "illumi_hops_waiting ") {
		t.Error(text)
	}
}

func TestMiddleware(t *testing.T) {
	m := New((&fake{}).sources())
	e := echo.New()
	rendered := 0
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		rendered++
		_ = c.NoContent(http.StatusTeapot)
	}
	e.Use(m.Middleware)
	e.GET("/whispers/:id", func(c echo.Context) error { return c.String(200, "x") })
	e.GET("/broken/:id", func(echo.Context) error { return errors.New("broken") })
	for _, at := range []string{"/whispers/secret-1", "/whispers/secret-2", "/broken/secret-3", "/nowhere/secret-4"} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", at, nil))
	}
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("SECRET5", "/whispers/x", nil))
	text := scrape(t, m)
	if strings.Contains(strings.ToLower(text), "secret") {
		t.Error("a URL or a made-up method became a label")
	}
	for _, line := range []string{
		`illumi_http_request_seconds_count{method="GET",route="/whispers/:id",status="200"} 2`,
		`illumi_http_request_seconds_count{method="GET",route="/broken/:id",status="418"} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if rendered != 3 {
		t.Errorf("%d errors were rendered, want each once: 3", rendered)
	}
}

var named = regexp.MustCompile(`illumi_[a-z_]+`)

// names are all metrics of ours, as a scrape shows them.
func names(t *testing.T) []string {
	m := New((&fake{}).sources())
	m.Event("x")
	m.Mail(model.MailSent)
	m.Upload(model.Upload{})
	m.requests.WithLabelValues("GET", "/", "200").Observe(1)
	var out []string
	for _, line := range regexp.MustCompile(`# TYPE (illumi_\S+)`).FindAllStringSubmatch(scrape(t, m), -1) {
		out = append(out, line[1])
	}
	return out
}

// The dashboard and the manual name what there is, and all of it.
func TestNames(t *testing.T) {
	known := names(t)
	manual, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range known {
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("docs/operations.md does not say what %s is", name)
		}
	}
	text, err := os.ReadFile("../../../docs/grafana/illumi.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil || board.Title == "" || len(board.Panels) < 8 {
		t.Fatalf("the dashboard %q has %d panels: %v", board.Title, len(board.Panels), err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			for _, name := range named.FindAllString(target.Expr, -1) {
				for _, end := range []string{"_bucket", "_count", "_sum"} {
					name = strings.TrimSuffix(name, end)
				}
				if !slices.Contains(known, name) {
					t.Errorf("panel %q asks for %s, which nobody measures", p.Title, name)
				}
			}
		}
	}
}
