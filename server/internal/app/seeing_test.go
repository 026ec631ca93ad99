package app

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"illumi/server/internal/model"
)

func TestSeeing(t *testing.T) {
	r := newRig(t)
	b := r.enrol("box")
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", b)
	owner.do("GET", "/whispers/"+whisper, nil)
	w := httptest.NewRecorder()
	r.debugHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, line := range []string{
		`illumi_events_total{kind="offered"} 1`, `illumi_whispers_travelling 1`, `illumi_uploads_total{role="audio"} 1`,
		`illumi_http_request_seconds_count{method="GET",route="/whispers/:whisper",status="200"} 1`, `illumi_database_up 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	for _, secret := range []string{whisper, b.id, b.secret, "owner@example.org"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics tell %s", secret)
		}
	}
	w = httptest.NewRecorder()
	r.debugHandler().ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/heap", nil))
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Errorf("no profile: %d", w.Code)
	}
	for _, at := range []string{"/metrics", "/debug/pprof/"} {
		if a := r.nobody().do("GET", at, nil); a.status == http.StatusOK {
			t.Errorf("GET %s on the public listener: %d", at, a.status)
		}
	}
	if err := os.Rename(filepath.Join(r.cfg.Data, "media"), filepath.Join(r.cfg.Data, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if a := r.nobody().do("GET", "/readyz", nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("ready without its media: %d", a.status)
	}
	if err := os.Rename(filepath.Join(r.cfg.Data, "elsewhere"), filepath.Join(r.cfg.Data, "media")); err != nil {
		t.Fatal(err)
	}
}

// The second listener is this machine's alone, and ends with the server.
func TestSeeing_listener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.DebugListen = free })
	r.nobody().do("GET", "/healthz", nil)
	resp, err := http.Get("http://" + free + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "illumi_build_info") {
		t.Errorf("%s %v", body, err)
	}
	resp.Body.Close()
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get("http://" + free + "/metrics"); err == nil {
		resp.Body.Close()
		t.Error("it outlives the server")
	}
	for _, address := range []string{"0.0.0.0:9090", ":9090", "192.168.1.4:9090", "[::]:9090", "127.0.0.1", "example.org:9090"} {
		c := Defaults()
		c.DebugListen = address
		if c.check() == nil {
			t.Errorf("%s was taken for this machine alone", address)
		}
	}
}
