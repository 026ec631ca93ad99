package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

func stallHalfway(data []byte, release <-chan struct{}) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("ETag", `"`+digest(data)+`"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
}

func hang(began chan<- struct{}, release <-chan struct{}) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		began <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
}

func html(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<html>Welcome to the café's Wi-Fi</html>")
	return true
}

func redirect(w http.ResponseWriter, r *http.Request) bool {
	http.Redirect(w, r, "http://wifi.invalid/login", http.StatusFound)
	return true
}

func TestNew_Addresses(t *testing.T) {
	for _, c := range []struct {
		server string
		plain  bool
		ok     bool
	}{
		{"https://whispers.example.org", false, true},
		{"https://example.org/illumi/", false, true},
		{"http://127.0.0.1:8080", false, true},
		{"http://[::1]:8080", false, true},
		{"http://localhost:8080", false, true},
		{"http://192.168.1.2:8080", false, false},
		{"http://192.168.1.2:8080", true, true},
		{"http://localhost.example.org", false, false},
		{"ftp://127.0.0.1", false, false},
		{"example.org", false, false},
		{"https://user:pass@example.org", false, false},
		{"https://example.org?x=1", false, false},
		{"", false, false},
	} {
		if _, err := New(Options{Server: c.server, Plain: c.plain}); (err == nil) != c.ok {
			t.Errorf("%q, plain %v: %v", c.server, c.plain, err)
		}
	}
}

func TestNotOurs_IsToldApart(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	data := sound(1, 5000)
	o := f.whisper(1, 1, data)
	_, err := s.Reserve(o)
	must(t, err)
	it := seal(t, s, 2, data, nil)
	c := client(t, f, nil)
	for name, portal := range map[string]func(http.ResponseWriter, *http.Request) bool{"page": html, "redirect": redirect} {
		f.set(portal)
		_, offers := c.Offers(t.Context(), "")
		_, push := c.Push(t.Context(), s, it)
		_, enrol := c.Enroll(t.Context(), protocol.EnrollRequest{Code: "ABCDE23456", Secret: secret, Version: 1})
		for what, err := range map[string]error{
			"offers": offers, "push": push, "enrol": enrol,
			"download":  c.Download(t.Context(), s, tid(1), o.Files[0]),
			"take back": c.TakeBack(t.Context(), tid(2), it.ID),
		} {
			if !errors.Is(err, ErrNotOurs) || IsAuth(err) || IsRefused(err) {
				t.Errorf("%s, %s: %v, want ErrNotOurs", name, what, err)
			}
		}
	}
	f.set(nil)
	must(t, c.Download(t.Context(), s, tid(1), o.Files[0]))
	if _, err := c.Push(t.Context(), s, it); err != nil {
		t.Error(err)
	}
}

func TestNotOurs_DuringAnUploadKeepsIt(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	it := seal(t, s, 1, sound(1, 5000), nil)
	c := client(t, f, func(o *Options) { o.Chunk = 2000 })
	n := 0
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			n++
		}
		if n > 1 {
			http.Error(w, "not here", 404) // someone else's 404
			return true
		}
		return false
	})
	if _, err := c.Push(t.Context(), s, it); !errors.Is(err, ErrNotOurs) {
		t.Fatalf("error %v, want ErrNotOurs", err)
	}
	f.set(nil)
	if _, err := c.Push(t.Context(), s, it); err != nil || f.created != 1 {
		t.Errorf("%v, %d uploads: the first one should have gone on", err, f.created)
	}
}

func TestDownload_Lies(t *testing.T) {
	data, other := sound(1, 5000), sound(2, 5000)
	etag := `"` + digest(data) + `"`
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"other bytes": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", etag)
			_, _ = w.Write(other)
			return true
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", etag)
			w.(http.Flusher).Flush() // chunked: no length announced
			_, _ = w.Write(append(data, 'x'))
			return true
		},
		"too short": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", etag)
			w.(http.Flusher).Flush()
			_, _ = w.Write(data[:10])
			return true
		},
		"another length": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", etag)
			_, _ = w.Write(data[:10])
			return true
		},
		"another range": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("ETag", etag)
			w.Header().Set("Content-Range", "bytes 1-4999/5000")
			w.WriteHeader(206)
			_, _ = w.Write(data[1:])
			return true
		},
		"no etag": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write(data); return true },
		"server error": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "oh", http.StatusBadGateway)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := newSpool(t)
			o := f.whisper(1, 1, data)
			_, err := s.Reserve(o)
			must(t, err)
			c := client(t, f, nil)
			f.set(lie)
			if err := c.Download(t.Context(), s, tid(1), o.Files[0]); err == nil {
				t.Fatal("believed")
			}
			if left, err := s.Missing(tid(1)); err != nil || len(left) != 1 {
				t.Fatalf("missing %v %v", left, err)
			}
			f.set(nil)
			until(t, 2, func() error { return c.Download(t.Context(), s, tid(1), o.Files[0]) })
		})
	}
}

func TestPush_Faults(t *testing.T) {
	voice := sound(1, 5000)
	for name, c := range map[string]struct {
		fault           func(f *fake) func(http.ResponseWriter, *http.Request) bool
		attempts, posts int // needed until it is through
	}{
		"upload expired": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(_ http.ResponseWriter, r *http.Request) bool {
				if n++; r.Method == http.MethodPatch && n == 3 {
					f.uploads["node1+1"].gone = true
				}
				return false
			}
		}, 1, 2},
		"another offset": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(_ http.ResponseWriter, r *http.Request) bool {
				if n++; r.Method == http.MethodPatch && n == 3 {
					u := f.uploads["node1+1"]
					u.got = u.got[:500] // the server lost bytes it had not synced
				}
				return false
			}
		}, 1, 1},
		"a middlebox flips a bit": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(_ http.ResponseWriter, r *http.Request) bool {
				if n++; r.Method == http.MethodPatch && n == 3 {
					f.uploads["node1+1"].got[7] ^= 1
				}
				return false
			}
		}, 1, 2},
		"server error": {func(*fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(w http.ResponseWriter, r *http.Request) bool {
				if n++; r.Method == http.MethodPatch && n == 3 {
					http.Error(w, "oh", http.StatusServiceUnavailable)
					return true
				}
				return false
			}
		}, 2, 1},
		"uploads lost before the reply": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					if n++; n == 1 {
						f.mu.Lock()
						clear(f.uploads)
						f.mu.Unlock()
					}
				}
				return false
			}
		}, 1, 2},
		"receipt lost": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut {
					return false
				}
				if n++; n > 1 {
					return false
				}
				r.SetPathValue("hop", tid(1))
				f.put(discard{w}, r)
				panic(http.ErrAbortHandler)
			}
		}, 2, 1},
		"receipt for other bytes": {func(f *fake) func(http.ResponseWriter, *http.Request) bool {
			n := 0
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut {
					return false
				}
				if n++; n > 1 {
					return false
				}
				var reply protocol.Reply
				_ = json.NewDecoder(r.Body).Decode(&reply)
				reply.Files[0].SHA256 = digest([]byte("other"))
				answer(w, protocol.Receipt{Reply: reply.ID, Hop: tid(1), Whisper: tid(900), State: protocol.ReplyAccepted, ReceivedAt: time.Now(), Files: reply.Files})
				return true
			}
		}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := newSpool(t)
			it := seal(t, s, 1, voice, nil)
			cl := client(t, f, func(o *Options) { o.Chunk = 1500 })
			f.set(c.fault(f))
			attempts := 0
			until(t, 5, func() error {
				attempts++
				_, err := cl.Push(t.Context(), s, it)
				if err != nil && len(mustItems(t, s)) != 1 {
					t.Fatal("the item left the outbox without a receipt")
				}
				return err
			})
			if attempts != c.attempts || f.created != c.posts {
				t.Errorf("%d attempts and %d uploads, want %d and %d", attempts, f.created, c.attempts, c.posts)
			}
			if len(f.replies) != 1 || digest(f.media[digest(voice)]) != digest(voice) {
				t.Error("not stored")
			}
		})
	}
}

// discard runs a handler whose answer is lost.
type discard struct{ http.ResponseWriter }

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func mustItems(t *testing.T, s *spool.Spool) []spool.Item {
	t.Helper()
	list, _, err := s.Items()
	must(t, err)
	return list
}

func TestPush_LocalBytesWentBad(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	s, err := spool.Open(spool.Options{Dir: dir})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test's end
	it := seal(t, s, 1, sound(1, 5000), nil)
	must(t, os.WriteFile(dir+"/outbox/"+it.ID+"/audio.wav", sound(2, 5000), 0o600))
	if _, err := client(t, f, nil).Push(t.Context(), s, it); !errors.Is(err, spool.ErrDamaged) {
		t.Fatalf("error %v, want ErrDamaged", err)
	}
	if len(f.replies) != 0 {
		t.Error("wrong bytes were handed in")
	}
}

func TestTakeBack(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	it := seal(t, s, 1, sound(1, 500), nil)
	c := client(t, f, nil)
	_, err := c.Push(t.Context(), s, it)
	must(t, err)
	for range 2 {
		must(t, c.TakeBack(t.Context(), it.Hop, it.ID))
	}
	r := f.replies[it.Hop]
	r.State = protocol.ReplyLate
	f.replies[it.Hop] = r
	err = c.TakeBack(t.Context(), it.Hop, it.ID)
	if p, ok := errors.AsType[*protocol.Problem](err); !ok || p.Code != protocol.CodeReplyForwarded {
		t.Errorf("error %v, want reply_forwarded", err)
	}
	if err := c.TakeBack(t.Context(), "../x", it.ID); err == nil {
		t.Error("asked for a path")
	}
}

func TestEnroll(t *testing.T) {
	f := newFake(t)
	c, err := New(Options{Server: f.URL + "/"})
	must(t, err)
	req := protocol.EnrollRequest{Code: "ABCDE23456", Secret: secret, Version: 1}
	got, err := c.Enroll(t.Context(), req)
	if err != nil || got.Device != tid(1) {
		t.Errorf("%+v %v", got, err)
	}
	req.Code = "ABCDE23457"
	_, err = c.Enroll(t.Context(), req)
	if p, ok := errors.AsType[*protocol.Problem](err); !ok || p.Code != protocol.CodeCodeUnknown {
		t.Errorf("error %v, want code_unknown", err)
	}
}

func TestErrors_Kinds(t *testing.T) {
	f := newFake(t)
	c := client(t, f, func(o *Options) { o.Secret = strings.Repeat("0", 64) })
	if _, err := c.Offers(t.Context(), ""); !IsAuth(err) || IsRefused(err) {
		t.Errorf("a wrong secret: %v", err)
	}
	f.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "7")
		problem(w, 429, protocol.CodeThrottled)
		return true
	})
	if _, err := c.Offers(t.Context(), ""); retryAfter(err) != 7*time.Second || IsAuth(err) || IsRefused(err) {
		t.Errorf("throttled: %v after %v", err, retryAfter(err))
	}
	f.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"offers":[],"cursor":"`+strings.Repeat("x", 1<<20)+`"}`)
		return true
	})
	if _, err := c.Offers(t.Context(), ""); !errors.Is(err, ErrLied) {
		t.Errorf("an endless answer: %v", err)
	}
}
