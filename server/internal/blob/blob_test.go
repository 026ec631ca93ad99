package blob

import (
	"bytes"
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

func TestAdopt(t *testing.T) {
	tests := []struct {
		name, want string
		err        error
	}{
		{"announced digest", digest("upload"), nil},
		{"any digest", "", nil},
		{"other digest", digest("else"), ErrDigest},
		{"not a digest", "../../etc/passwd", ErrDigest},
		{"upper case", strings.ToUpper(digest("upload")), ErrDigest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			source := filepath.Join(filepath.Dir(s.dir), "finished")
			if err := os.WriteFile(source, []byte("upload"), 0o644); err != nil {
				t.Fatal(err)
			}
			b, err := s.Adopt(t.Context(), source, tt.want)
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			_, gone := os.Stat(source)
			if tt.err != nil {
				if gone != nil || len(blobs(t, s)) != 0 {
					t.Errorf("source: %v, blobs %v", gone, blobs(t, s))
				}
				return
			}
			if b != (Blob{digest("upload"), 6}) || !errors.Is(gone, fs.ErrNotExist) {
				t.Errorf("got %+v, source: %v", b, gone)
			}
			if got := read(t, s, b.SHA256); got != "upload" {
				t.Errorf("read %q", got)
			}
		})
	}
}

func TestAdopt_SecondCopyIsDropped(t *testing.T) {
	s := open(t)
	b := put(t, s, "twice")
	source := filepath.Join(filepath.Dir(s.dir), "again")
	if err := os.WriteFile(source, []byte("twice"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := s.Adopt(t.Context(), source, b.SHA256)
	if err != nil || got != b {
		t.Fatalf("Adopt = %+v, %v", got, err)
	}
	if _, err := os.Stat(source); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("source: %v", err)
	}
}

func TestAdopt_RefusesWhatIsNoFile(t *testing.T) {
	s := open(t)
	base := filepath.Dir(s.dir)
	link := filepath.Join(base, "link")
	target := filepath.Join(base, "target")
	if err := os.WriteFile(target, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{link, base, filepath.Join(base, "none")} {
		if b, err := s.Adopt(t.Context(), source, ""); err == nil {
			t.Errorf("%s adopted as %+v", source, b)
		}
	}
	s.fsync = failSync(syscall.EIO)
	if _, err := s.Adopt(t.Context(), target, ""); !errors.Is(err, syscall.EIO) {
		t.Errorf("err = %v", err)
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("the source is the caller's after an error: %v", err)
	}
}

func TestDigests_ThatAreNone(t *testing.T) {
	s := open(t)
	put(t, s, "here")
	for _, d := range []string{
		"", ".", "..", "../../../etc/passwd", partDir, strings.Repeat("a", 63), strings.Repeat("a", 65),
		strings.Repeat("A", 64), strings.Repeat("g", 64), "/" + strings.Repeat("a", 63),
		"../" + strings.Repeat("a", 61), strings.Repeat("a", 32) + "\x00" + strings.Repeat("a", 31),
		digest("somebody else"),
	} {
		if f, err := s.Open(d); !errors.Is(err, ErrNotFound) || f != nil {
			t.Errorf("Open(%q) = %v, %v", d, f, err)
		}
		if _, err := s.Stat(d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Stat(%q): %v", d, err)
		}
		if err := s.Verify(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Verify(%q): %v", d, err)
		}
		if err := s.Remove(d); !errors.Is(err, ErrNotFound) {
			t.Errorf("Remove(%q): %v", d, err)
		}
	}
	if got := blobs(t, s); len(got) != 1 {
		t.Errorf("blobs %v", got)
	}
}

func TestOpen_DoesNotFollowLinksOut(t *testing.T) {
	s := open(t)
	secret := filepath.Join(filepath.Dir(s.dir), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := digest("bait")
	if err := os.MkdirAll(filepath.Join(s.dir, d[:2], d[2:4]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(s.dir, filepath.FromSlash(pathOf(d)))); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Open(d); err == nil {
		t.Errorf("opened %s", f.Name())
	}
}

func TestVerify_SeesOneFlippedBit(t *testing.T) {
	s := open(t)
	b := put(t, s, "one bit matters")
	name := filepath.Join(s.dir, filepath.FromSlash(pathOf(b.SHA256)))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[3] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), b.SHA256); !errors.Is(err, ErrCorrupt) {
		t.Errorf("err = %v", err)
	}
}

func TestRemove_AndOlder(t *testing.T) {
	s := open(t)
	b := put(t, s, "wanted again")
	name := filepath.Join(s.dir, filepath.FromSlash(pathOf(b.SHA256)))
	past := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(-24 * time.Hour)
	put(t, s, "wanted again")
	if done, err := s.RemoveOlder(b.SHA256, limit); done || err != nil {
		t.Fatalf("removed what was put again: %v, %v", done, err)
	}
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	if done, err := s.RemoveOlder(b.SHA256, limit); !done || err != nil {
		t.Fatalf("RemoveOlder = %v, %v", done, err)
	}
	b = put(t, s, "wanted again")
	if err := s.Remove(b.SHA256); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(b.SHA256); !errors.Is(err, ErrNotFound) {
		t.Errorf("err = %v", err)
	}
}

func TestWalk_OrderAndStrangers(t *testing.T) {
	s := open(t)
	want := map[string]int64{}
	for _, data := range []string{"a", "bb", "ccc", "dddd"} {
		b := put(t, s, data)
		want[b.SHA256] = b.Size
	}
	for _, stranger := range []string{"lost+found", "ab", "README"} {
		if err := os.WriteFile(filepath.Join(s.dir, stranger), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	last := ""
	if err := s.Walk(func(d string, size int64, mod time.Time) error {
		if d <= last || want[d] != size || time.Since(mod) > time.Hour {
			t.Errorf("%s after %s, size %d, mod %v", d, last, size, mod)
		}
		last = d
		delete(want, d)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(want) != 0 {
		t.Errorf("not seen: %v", want)
	}
	stop := errors.New("enough")
	if err := s.Walk(func(string, int64, time.Time) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err = %v", err)
	}
}

// A disk that is really full or read-only, where this machine lets us mount one.
func TestStore_OnAFullAndAReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("this machine does not let us mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(filepath.Join(dir, "media"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only releases the directory before the unmount
	small := put(t, s, "fits")
	if _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, 1<<20))); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("err = %v", err)
	}
	if n, all := parts(t, s), blobs(t, s); n != 0 || len(all) != 1 {
		t.Errorf("left %d part files, %d blobs", n, len(all))
	}
	put(t, s, "fits still")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatalf("remount: %v", err)
	}
	if _, err := s.Put(t.Context(), strings.NewReader("new")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("err = %v", err)
	}
	if got := read(t, s, small.SHA256); got != "fits" {
		t.Errorf("reads go on: %q", got)
	}
}
