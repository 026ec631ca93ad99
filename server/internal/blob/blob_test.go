package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

func open(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "media"))
}

func openAt(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *Store, data string) Blob {
	t.Helper()
	b, err := s.Put(t.Context(), strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func read(t *testing.T, s *Store, d string) string {
	t.Helper()
	f, err := s.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parts counts what lies in the part directory, blobs what Walk sees.
func parts(t *testing.T, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, partDir))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func blobs(t *testing.T, s *Store) []string {
	t.Helper()
	var all []string
	if err := s.Walk(func(d string, _ int64, _ time.Time) error {
		all = append(all, d)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPut_IsReadBackByDigest(t *testing.T) {
	s := open(t)
	for _, data := range []string{"", "a whisper", strings.Repeat("long ", 100_000)} {
		b := put(t, s, data)
		if b.SHA256 != digest(data) || b.Size != int64(len(data)) {
			t.Fatalf("got %+v", b)
		}
		if got := read(t, s, b.SHA256); got != data {
			t.Fatalf("read back %d bytes, put %d", len(got), len(data))
		}
		if size, err := s.Stat(b.SHA256); err != nil || size != b.Size {
			t.Fatalf("Stat = %d, %v", size, err)
		}
		if err := s.Verify(t.Context(), b.SHA256); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(s.dir, b.SHA256[:2], b.SHA256[2:4], b.SHA256))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	}
	if n := parts(t, s); n != 0 {
		t.Errorf("%d part files left", n)
	}
}

func TestPut_TwiceDoesNotRewrite(t *testing.T) {
	s := open(t)
	b := put(t, s, "same")
	name := filepath.Join(s.dir, filepath.FromSlash(pathOf(b.SHA256)))
	first, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if again := put(t, s, "same"); again != b {
		t.Fatalf("got %+v", again)
	}
	second, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(first, second) {
		t.Error("the file was replaced")
	}
	if n := parts(t, s); n != 0 {
		t.Errorf("%d part files left", n)
	}
}

func TestPut_MendsABlobOfWrongLength(t *testing.T) {
	s := open(t)
	b := put(t, s, "whole")
	if err := os.Truncate(filepath.Join(s.dir, filepath.FromSlash(pathOf(b.SHA256))), 2); err != nil {
		t.Fatal(err)
	}
	put(t, s, "whole")
	if err := s.Verify(t.Context(), b.SHA256); err != nil {
		t.Fatal(err)
	}
}

func TestPut_ConcurrentlyTheSameBytes(t *testing.T) {
	s := open(t)
	data := strings.Repeat("x", 3*bufSize+1)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			b, err := s.Put(t.Context(), strings.NewReader(data))
			if err != nil || b.SHA256 != digest(data) {
				t.Errorf("Put = %+v, %v", b, err)
			}
		})
	}
	wg.Wait()
	if got := blobs(t, s); len(got) != 1 {
		t.Errorf("%d blobs", len(got))
	}
	if n := parts(t, s); n != 0 {
		t.Errorf("%d part files left", n)
	}
	if err := s.Verify(t.Context(), digest(data)); err != nil {
		t.Error(err)
	}
}

func TestPut_FailureLeavesNothing(t *testing.T) {
	broken := errors.New("cable pulled")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name  string
		ctx   context.Context
		r     io.Reader
		fsync func(*os.File) error
		want  error
	}{
		{"reader fails", t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), nil, broken},
		{"cancelled", cancelled, strings.NewReader("never"), nil, context.Canceled},
		{"fsync says EIO", t.Context(), strings.NewReader("lost"), failSync(syscall.EIO), syscall.EIO},
		{"fsync says ENOSPC", t.Context(), strings.NewReader("full"), failSync(syscall.ENOSPC), syscall.ENOSPC},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			if tt.fsync != nil {
				s.fsync = tt.fsync
			}
			b, err := s.Put(tt.ctx, tt.r)
			if !errors.Is(err, tt.want) || b != (Blob{}) {
				t.Fatalf("Put = %+v, %v; want %v", b, err, tt.want)
			}
			if n, all := parts(t, s), blobs(t, s); n != 0 || len(all) != 0 {
				t.Errorf("left %d part files, %d blobs", n, len(all))
			}
		})
	}
}

func failSync(err error) func(*os.File) error {
	return func(*os.File) error { return err }
}

// The order file, directory, parents is what a power cut tests from outside;
// here it is pinned: each is synced, the file first, and a failed sync of a
// directory is not acknowledged.
func TestPut_SyncsFileThenDirectories(t *testing.T) {
	s := open(t)
	var synced []string
	s.fsync = func(f *os.File) error {
		rel, err := filepath.Rel(s.dir, f.Name())
		if err != nil {
			return err
		}
		synced = append(synced, filepath.ToSlash(rel))
		return f.Sync()
	}
	d := put(t, s, "order").SHA256
	if len(synced) != 4 || !strings.HasPrefix(synced[0], partDir+"/") {
		t.Fatalf("synced %q", synced)
	}
	want := []string{d[:2] + "/" + d[2:4], d[:2], "."}
	for i, w := range want {
		if synced[i+1] != w {
			t.Errorf("sync %d: %q, want %q", i+1, synced[i+1], w)
		}
	}
	synced = nil
	put(t, s, "order")
	if len(synced) != 2 || synced[1] != want[0] {
		t.Errorf("second put synced %q: want the part file and the leaf directory", synced)
	}

	s.fsync = func(f *os.File) error {
		if info, err := f.Stat(); err != nil || info.IsDir() {
			return errors.Join(syscall.EIO, err)
		}
		return f.Sync()
	}
	if _, err := s.Put(t.Context(), strings.NewReader("not acknowledged")); !errors.Is(err, syscall.EIO) {
		t.Errorf("a failed directory sync was swallowed: %v", err)
	}
}

func TestOpen_SweepsOldPartFilesOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	openAt(t, dir)
	old, young := filepath.Join(dir, partDir, "old"), filepath.Join(dir, partDir, "young")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(-partAge - time.Minute)
	if err := os.Chtimes(old, at, at); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("old part file: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("young part file: %v", err)
	}
	if got := blobs(t, s); len(got) != 0 {
		t.Errorf("part files were taken for blobs: %v", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}
