package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"illumi/server/internal/hook"
	"illumi/server/internal/relay"
)

// A webhook made by API is told of what happens, signed with the secret that
// was told once, and soon: nobody waits for the next round.
func TestHooks_WholeWay(t *testing.T) {
	type message struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan message, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- message{r.Header, body}
	}))
	defer receiver.Close()
	s := newStudy(t, func(c *Config) { c.HookNetworks = []string{"127.0.0.0/8"} })
	var made struct{ ID, Secret string }
	s.owner.json("POST", "/api/v1/projects/"+s.project+"/hooks", map[string]any{"url": receiver.URL, "types": []string{"paused"}}).json(t, 201, &made)
	next := func(want string) {
		t.Helper()
		select {
		case m := <-arrived:
			var got relay.HookMessage
			if err := json.Unmarshal(m.body, &got); err != nil || got.Type != want || got.Project != s.project || m.header.Get(hook.HeaderEvent) != got.ID {
				t.Errorf("told %s: %v", m.body, err)
			}
			var at int64
			for _, now := range []time.Time{time.Now(), time.Now().Add(-time.Second), time.Now().Add(-2 * time.Second)} {
				if m.header.Get(hook.HeaderSignature) == hook.Sign(made.Secret, now, m.body) {
					at = now.Unix()
				}
			}
			if at == 0 {
				t.Errorf("signed %s", m.header.Get(hook.HeaderSignature))
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing was told of %s", want)
		}
	}
	s.owner.do("POST", "/api/v1/hooks/"+made.ID+"/test", nil).json(t, 202, &struct{}{})
	next("test")
	s.owner.do("POST", "/api/v1/whispers/"+s.whisper+"/pause", nil).json(t, 200, &struct{}{})
	next("paused")
	var log struct {
		Items []struct {
			ID, State string
			Status    int
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // what was told is written down just after
		s.owner.do("GET", "/api/v1/hooks/"+made.ID+"/deliveries", nil).json(t, 200, &log)
		if len(log.Items) == 2 && log.Items[0].State == "delivered" && log.Items[1].State == "delivered" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", log)
		}
	}
	s.owner.do("POST", "/api/v1/deliveries/"+log.Items[0].ID+"/replay", nil).json(t, 202, &struct{}{})
	next("paused")
}
