package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/blob"
	"illumi/server/internal/model"
)

const userBase = "/app/uploads/"

// book is a Recorder in memory; with a path it is also on disk, for processes
// that are killed.
type book struct {
	mu   sync.Mutex
	path string
	rows map[string]model.Upload
	puts int
	fail error
}

func openBook(path string) (*book, error) {
	b := &book{path: path, rows: map[string]model.Upload{}}
	if path == "" {
		return b, nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	return b, json.Unmarshal(raw, &b.rows)
}

func (b *book) save() error {
	if b.path == "" {
		return nil
	}
	raw, err := json.Marshal(b.rows)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(b.path+".new", b.path)
}

func (b *book) PutUpload(_ context.Context, u model.Upload) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.puts++
	b.rows[u.ID] = u
	return b.save()
}

func (b *book) Upload(_ context.Context, id string) (model.Upload, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.rows[id]
	return u, ok, nil
}

func (b *book) ExpiredUploads(_ context.Context, now time.Time, limit int) ([]model.Upload, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.DeleteFunc(slices.Collect(maps.Values(b.rows)), func(u model.Upload) bool { return !u.ExpiresAt.Before(now) })
	slices.SortFunc(out, func(x, y model.Upload) int { return x.ExpiresAt.Compare(y.ExpiresAt) })
	return out[:min(limit, len(out))], nil
}

func (b *book) UploadsOf(_ context.Context, owner string) (count int, bytes int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.rows {
		if u.OwnerID == owner {
			count++
			bytes += u.Media.Size + u.Media.SharedSize
		}
	}
	return count, bytes, nil
}

func (b *book) DeleteUpload(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rows, id)
	return b.save()
}

func (b *book) inUse(_ context.Context, digest string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.rows {
		if u.Media.SHA256 == digest || u.Media.SharedSHA256 == digest {
			return true, nil
		}
	}
	return false, nil
}

func (b *book) all() []model.Upload {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.rows))
}

// rig is a service behind Echo on a loopback port.
type rig struct {
	t    testing.TB
	root string
	s    *Service
	book *book
	srv  *httptest.Server
	now  time.Time
	// network is how long a silent PATCH is waited for.
	network time.Duration
}

func openService(root string, b *book, network time.Duration, now func() time.Time) (*Service, error) {
	blobs, err := blob.Open(filepath.Join(root, "media"))
	if err != nil {
		return nil, err
	}
	return Open(Options{
		Dir: filepath.Join(root, "uploads"), Blobs: blobs, Recorder: b,
		InUse: b.inUse, NetworkTimeout: network, Now: now,
	})
}

// mount is how the app is expected to do it: two paths, two credentials.
func mount(s *Service) (http.Handler, error) {
	boxes, err := s.Handler(protocol.PathUploads, func(r *http.Request) (string, OwnerKind, error) {
		id, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return "", "", model.Refuse(protocol.CodeDeviceUnknown, "This box is not known here.", "Enrol it.")
		}
		return id, OwnerDevice, nil
	})
	if err != nil {
		return nil, err
	}
	pages, err := s.Handler(userBase, func(r *http.Request) (string, OwnerKind, error) {
		c, err := r.Cookie("session")
		if err != nil {
			return "", "", model.Refuse(protocol.CodeSignIn, "You are not signed in.", "Sign in.")
		}
		return c.Value, OwnerUser, nil
	})
	if err != nil {
		return nil, err
	}
	e := echo.New()
	for base, h := range map[string]*Handler{protocol.PathUploads: boxes, userBase: pages} {
		serve := func(c echo.Context) error {
			h.ServeHTTP(c.Response(), c.Request())
			return nil
		}
		e.Any(strings.TrimSuffix(base, "/"), serve)
		e.Any(base+"*", serve)
	}
	return e, nil
}

func newRig(t testing.TB) *rig { return newRigAt(t, t.TempDir()) }

func newRigAt(t testing.TB, root string) *rig {
	t.Helper()
	b, err := openBook("")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, root: root, book: b, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), network: 20 * time.Second}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	s, err := openService(r.root, r.book, r.network, func() time.Time { return r.now })
	if err != nil {
		r.t.Fatal(err)
	}
	h, err := mount(s)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s, r.srv = s, httptest.NewServer(h)
}

func (r *rig) stop() {
	if r.srv == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.s.Close(ctx); err != nil {
		r.t.Errorf("close: %v", err)
	}
	r.srv.Close()
	r.srv = nil
	if err := r.s.blobs.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// left lists what lies in the upload directory and how many blobs there are.
func (r *rig) left() (files []string, blobs int) {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.root, "uploads"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, e.Name())
	}
	if err := r.s.blobs.Walk(func(string, int64, time.Time) error { blobs++; return nil }); err != nil {
		r.t.Fatal(err)
	}
	parts, err := os.ReadDir(filepath.Join(r.root, "media", ".part"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range parts {
		files = append(files, p.Name())
	}
	return files, blobs
}

func (r *rig) empty() {
	r.t.Helper()
	if files, blobs := r.left(); len(files) != 0 || blobs != 0 {
		r.t.Errorf("left behind: files %q, %d blobs", files, blobs)
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// wav makes a 16-bit mono recording with a tone of its own.
func wav(seconds, pitch float64) []byte {
	const rate = 8000
	n := int(seconds * rate)
	b := make([]byte, 0, 44+2*n)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*n))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		v := int16(8000 * math.Sin(2*math.Pi*pitch*float64(i)/rate))
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func jpegOf(t testing.TB, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func atoi(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Errorf("not a number: %q", s)
	}
	return n
}
