package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
)

// clipServer serves a list of clips and their bytes.
type clipServer struct {
	list    atomic.Value // protocol.Clips
	bytes   map[string][]byte
	fetched atomic.Int64
}

func (c *clipServer) set(name string, clips map[string]string) {
	l := protocol.Clips{Clips: []protocol.Clip{}}
	if len(clips) > 0 {
		l.Set = digest([]byte(name))
	}
	for key, says := range clips {
		data := []byte(says)
		c.bytes[digest(data)] = data
		l.Clips = append(l.Clips, protocol.Clip{Key: key, SHA256: digest(data), Size: int64(len(data))})
	}
	slices.SortFunc(l.Clips, func(a, b protocol.Clip) int { return strings.Compare(a.Key, b.Key) })
	c.list.Store(l)
}

func (c *clipServer) hook(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == protocol.PathClips {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.list.Load())
		return true
	}
	if at, ok := strings.CutPrefix(r.URL.Path, protocol.PathClips+"/"); ok {
		c.fetched.Add(1)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.bytes[at]))
		return true
	}
	return false
}

func (c *clipServer) holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	set, err := ClipSet(dir)
	if err != nil || set != c.list.Load().(protocol.Clips).Set {
		t.Errorf("the set in place is %q, %v", set, err)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != clipSet {
			names = append(names, e.Name())
		}
	}
	if len(names) != len(want) {
		t.Errorf("the directory holds %v", names)
	}
	for key, says := range want {
		if data, err := os.ReadFile(filepath.Join(dir, key+".wav")); err != nil || string(data) != says {
			t.Errorf("%s says %q, %v", key, data, err)
		}
	}
}

func TestSyncClips(t *testing.T) {
	f := newFake(t)
	c := client(t, f, nil)
	s := &clipServer{bytes: map[string][]byte{}}
	f.set(s.hook)
	dir := filepath.Join(t.TempDir(), "clips")
	sync := func(name string, want map[string]string, fetched int64) {
		t.Helper()
		s.set(name, want)
		s.fetched.Store(0)
		if _, err := c.SyncClips(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		s.holds(t, dir, want)
		if got := s.fetched.Load(); got != fetched {
			t.Errorf("%s: %d clips were fetched, want %d", name, got, fetched)
		}
	}
	sync("two", map[string]string{"new": "a", "sent": "b"}, 2)
	sync("two", map[string]string{"new": "a", "sent": "b"}, 0)
	sync("one other", map[string]string{"new": "a2", "sent": "b"}, 1)
	// A card that lost a byte, and what a cut left.
	for name, holds := range map[string]string{"new.wav": "A2", clipPart + "1": "half", "old.wav": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(holds), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sync("mended", map[string]string{"new": "a2", "sent": "b"}, 1)
	sync("fewer", map[string]string{"sent": "b"}, 0)
	sync("none", nil, 0)
}

func TestSyncClips_OtherBytesAreNotKept(t *testing.T) {
	f := newFake(t)
	c := client(t, f, nil)
	s := &clipServer{bytes: map[string][]byte{}}
	f.set(s.hook)
	dir := t.TempDir()
	s.set("first", map[string]string{"new": "a"})
	if _, err := c.SyncClips(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	s.set("second", map[string]string{"new": "b"})
	s.bytes[digest([]byte("b"))] = []byte("c")
	if _, err := c.SyncClips(t.Context(), dir); !errors.Is(err, ErrLied) {
		t.Errorf("error %v, want ErrLied", err)
	}
	if set, err := ClipSet(dir); set != "" || err != nil {
		t.Errorf("a set is in place: %q, %v", set, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "new.wav")); err != nil || string(data) != "a" {
		t.Errorf("the sentence before is gone: %q, %v", data, err)
	}
	s.bytes[digest([]byte("b"))] = []byte("b")
	if _, err := c.SyncClips(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	s.holds(t, dir, map[string]string{"new": "b"})
}

func TestSyncClips_AKeyIsNeverAPath(t *testing.T) {
	f := newFake(t)
	c := client(t, f, nil)
	s := &clipServer{bytes: map[string][]byte{}}
	f.set(s.hook)
	s.set("evil", map[string]string{"../new": "a"})
	if _, err := c.SyncClips(t.Context(), t.TempDir()); !errors.Is(err, ErrLied) {
		t.Errorf("error %v, want ErrLied", err)
	}
}

func TestHandIn(t *testing.T) {
	f := newFake(t)
	c := client(t, f, nil)
	check := protocol.Check{ID: "01930d5e-7c1a-7000-8000-000000008001", Kind: protocol.CheckDoctor, At: time.Unix(1, 0).UTC(),
		Items: []protocol.CheckItem{{Part: "disk", Verdict: protocol.VerdictOK, Text: "12 GB are free."}}}
	receipt := protocol.CheckReceipt{ID: check.ID, ReceivedAt: time.Unix(2, 0).UTC()}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != protocol.PathChecks {
			return false
		}
		var got protocol.Check
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got.Check() != nil {
			t.Errorf("handed in %+v, %v", got, err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(receipt)
		return true
	})
	if got, err := c.HandIn(t.Context(), check); err != nil || got != receipt {
		t.Errorf("%+v, %v", got, err)
	}
	receipt.ID = "01930d5e-7c1a-7000-8000-000000008002"
	if _, err := c.HandIn(t.Context(), check); !errors.Is(err, ErrLied) {
		t.Errorf("a receipt for another check: %v", err)
	}
	check.Items = nil
	if _, err := c.HandIn(t.Context(), check); err == nil {
		t.Error("a check of nothing was handed in")
	}
}
