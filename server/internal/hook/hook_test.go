package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"illumi/server/internal/model"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// queue has one message and hands out what became of it.
type queue struct {
	url   string
	given atomic.Bool
	done  chan outcome
}

type outcome struct {
	status  int
	failure string
}

func (q *queue) NextDelivery(context.Context, string, time.Duration) (model.Delivery, model.Hook, bool, time.Time, error) {
	d := model.Delivery{ID: "d1", HookID: "h1", EventID: "e1", Body: `{"type":"received"}`}
	return d, model.Hook{ID: "h1", URL: q.url}, !q.given.Swap(true), time.Time{}, nil
}

func (q *queue) FinishDelivery(_ context.Context, _ model.Delivery, _ string, status int, failure string) error {
	q.done <- outcome{status, failure}
	return nil
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func tell(t *testing.T, url string, networks []netip.Prefix) outcome {
	t.Helper()
	q := &queue{url: url, done: make(chan outcome, 1)}
	w := &Worker{
		Queue: q, Secret: func(id string) string { return "secret of " + id }, Networks: networks, Wake: make(chan struct{}),
		Name: "test", Agent: "illumi-server/test", Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	got := <-q.done
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return got
}

// What arrives can be checked by the recipe of the documentation alone.
func TestWorker_Signs(t *testing.T) {
	type message struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan message, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- message{r.Header, body}
	}))
	defer s.Close()
	if got := tell(t, s.URL, loopback); got != (outcome{200, ""}) {
		t.Fatalf("%+v", got)
	}
	m := <-arrived
	mac := hmac.New(sha256.New, []byte("secret of h1"))
	fmt.Fprintf(mac, "%d.%s", noon.Unix(), m.body)
	want := fmt.Sprintf("t=%d,v1=%s", noon.Unix(), hex.EncodeToString(mac.Sum(nil)))
	if got := m.header.Get("Illumi-Signature"); got != want {
		t.Errorf("signed %q, want %q", got, want)
	}
	if m.header.Get("Illumi-Event") != "e1" || m.header.Get("Illumi-Delivery") != "d1" || m.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", m.header)
	}
}

func TestWorker_Outcomes(t *testing.T) {
	var followed atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/secret", http.StatusTemporaryRedirect)
		case "/secret":
			followed.Store(true)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/broken":
			w.WriteHeader(500)
		}
	}))
	defer s.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	for name, tc := range map[string]struct {
		url      string
		networks []netip.Prefix
		status   int
		words    string
	}{
		"no redirects":      {s.URL + "/moved", loopback, 307, "it has moved"},
		"an endless answer": {s.URL + "/endless", loopback, 200, ""},
		"an error":          {s.URL + "/broken", loopback, 500, "answered 500"},
		"nobody there":      {dead.URL, loopback, 0, "Nobody listens"},
		"loopback":          {s.URL, nil, 0, "private network"},
		"by name":           {strings.Replace(s.URL, "127.0.0.1", "localhost", 1), nil, 0, "private network"},
		"by number":         {strings.Replace(s.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), nil, 0, "private network"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tell(t, tc.url, tc.networks)
			if got.status != tc.status || !strings.Contains(got.failure, tc.words) || (tc.words == "") != (got.failure == "") {
				t.Errorf("got %+v, want %d and %q", got, tc.status, tc.words)
			}
		})
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestReachable(t *testing.T) {
	w := &Worker{Networks: []netip.Prefix{netip.MustParsePrefix("10.7.0.0/16")}}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "10.7.1.1": true, "::ffff:10.7.1.1": true,
		"10.8.1.1": false, "127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "169.254.169.254": false, "192.168.1.1": false,
		"172.16.0.1": false, "100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "fe80::1%eth0": false,
		"fc00::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false,
	} {
		if got := w.reachable(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}
