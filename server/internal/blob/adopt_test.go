package blob

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
