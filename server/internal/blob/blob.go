// Package blob keeps media bytes under the name of their SHA-256, so that a
// name can never mean other bytes and storing twice costs nothing.
//
// What Put or Adopt has returned survives a power cut: the file is synced,
// renamed into place, and its directories are synced, in this order.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Errors that a caller tells apart; test with errors.Is.
var (
	// ErrNotFound: no blob of this digest, or not a digest at all.
	ErrNotFound = errors.New("blob: not found")
	// ErrDigest: the bytes are not those that were announced; nothing was stored.
	ErrDigest = errors.New("blob: digest differs")
	// ErrCorrupt: the stored bytes no longer have the digest they are named by.
	ErrCorrupt = errors.New("blob: stored bytes are damaged")
)

const (
	partDir = ".part"
	// partAge is how long a part file can belong to a running Put; older ones
	// are what a crash left behind.
	partAge = 24 * time.Hour
	bufSize = 128 << 10
)

// Blob names stored bytes.
type Blob struct {
	SHA256 string // 64 lower-case hex digits
	Size   int64  // bytes
}

// Store keeps blobs in a directory of the local disk, as ab/cd/abcd….
// It is safe for concurrent use within one process.
type Store struct {
	dir  string
	root *os.Root
	// place orders looking, renaming and removing, so that a Put which finds
	// its bytes already there cannot lose them to a Remove.
	place sync.Mutex
	// durable holds the fan-out directories whose own entry is known to be synced.
	durable sync.Map
	fsync   func(*os.File) error
}

// Open makes dir (mode 0700) if needed and removes part files that are older
// than 24 hours.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: find %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("blob: make the media directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: open the media directory: %w", err)
	}
	s := &Store{dir: dir, root: root, fsync: (*os.File).Sync}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.root.MkdirAll(partDir, 0o700); err != nil {
		return fmt.Errorf("blob: make the part directory: %w", err)
	}
	entries, err := s.readDir(partDir)
	if err != nil {
		return fmt.Errorf("blob: list part files: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("blob: look at a part file: %w", err)
		}
		if !info.Mode().IsRegular() || time.Since(info.ModTime()) < partAge {
			continue
		}
		if err := s.root.Remove(path.Join(partDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("blob: remove an old part file: %w", err)
		}
	}
	// The directory's own entry has to outlive a power cut as well.
	parent, err := os.Open(filepath.Dir(s.dir))
	if err != nil {
		return fmt.Errorf("blob: open the parent directory: %w", err)
	}
	return s.syncClose(parent)
}

// Close releases the directory; files that Open returned stay usable.
func (s *Store) Close() error { return s.root.Close() }

// Put stores what r yields until EOF. The same bytes again are not rewritten.
// On any error nothing is stored. A failed fsync is final: the bytes have to be
// sent again, as the kernel may have dropped them (reliability R9).
func (s *Store) Put(ctx context.Context, r io.Reader) (b Blob, err error) {
	name := path.Join(partDir, rand.Text())
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Blob{}, fmt.Errorf("blob: make a part file: %w", err)
	}
	kept := false
	defer func() {
		if kept {
			return
		}
		if rerr := s.root.Remove(name); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("blob: remove the part file: %w", rerr))
		}
	}()
	h := sha256.New()
	size, err := copyCtx(ctx, io.MultiWriter(f, h), r)
	if err != nil {
		return Blob{}, errors.Join(fmt.Errorf("blob: write a part file: %w", err), f.Close())
	}
	if err := s.syncClose(f); err != nil {
		return Blob{}, fmt.Errorf("blob: part file: %w", err)
	}
	b = Blob{SHA256: digestOf(h), Size: size}
	kept, err = s.install(b, func(to string) error { return s.root.Rename(name, to) })
	if err != nil {
		return Blob{}, err
	}
	return b, nil
}

// Adopt takes over a finished file that lies on the same file system as the
// store. It reads the file to find its digest, and when that is want (or want
// is empty) moves it in; the source is then gone, also where the same bytes
// were stored before. When the digest differs it returns ErrDigest; then, and
// on every other error before the move, the source is left to the caller.
func (s *Store) Adopt(ctx context.Context, source, want string) (Blob, error) {
	if want != "" && !valid(want) {
		return Blob{}, fmt.Errorf("blob: announced digest is not 64 lower-case hex digits: %w", ErrDigest)
	}
	before, err := os.Lstat(source)
	if err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: %w", err)
	}
	if !before.Mode().IsRegular() {
		return Blob{}, errors.New("blob: adopt: not a regular file")
	}
	// Opened for writing because some file systems sync only through such a handle.
	f, err := os.OpenFile(source, os.O_RDWR, 0)
	if err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: %w", err)
	}
	b, err := s.check(ctx, f, before, want)
	if err != nil {
		return Blob{}, errors.Join(err, f.Close())
	}
	if err := s.syncClose(f); err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: %w", err)
	}
	moved, err := s.install(b, func(to string) error {
		// os.Root cannot rename from outside; `to` is made of a checked digest only.
		return os.Rename(source, filepath.Join(s.dir, filepath.FromSlash(to)))
	})
	if err != nil {
		return Blob{}, err
	}
	if !moved {
		if err := os.Remove(source); err != nil {
			return Blob{}, fmt.Errorf("blob: adopt: remove the second copy: %w", err)
		}
	}
	return b, nil
}

// check hashes f, which was seen as before, and holds it against want.
func (s *Store) check(ctx context.Context, f *os.File, before fs.FileInfo, want string) (Blob, error) {
	opened, err := f.Stat()
	if err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: %w", err)
	}
	if !os.SameFile(before, opened) {
		return Blob{}, errors.New("blob: adopt: the file was exchanged while it was opened")
	}
	h := sha256.New()
	size, err := copyCtx(ctx, h, f)
	if err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: read: %w", err)
	}
	b := Blob{SHA256: digestOf(h), Size: size}
	if want != "" && b.SHA256 != want {
		return Blob{}, fmt.Errorf("%w: announced %s, got %s", ErrDigest, want, b.SHA256)
	}
	if err := f.Chmod(0o600); err != nil {
		return Blob{}, fmt.Errorf("blob: adopt: %w", err)
	}
	return b, nil
}

// install brings synced bytes to their name and makes the name durable.
// It reports whether rename was used; it is not where the bytes are there already.
func (s *Store) install(b Blob, rename func(to string) error) (moved bool, err error) {
	name := pathOf(b.SHA256)
	dir := path.Dir(name)
	if err := s.root.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("blob: make a directory: %w", err)
	}
	moved, err = s.renameOnce(name, b.Size, rename)
	if err != nil {
		return moved, err
	}
	// Also where another Put renamed it: that one may not have synced yet.
	if err := s.syncDir(dir); err != nil {
		return moved, err
	}
	for d := dir; d != "."; d = path.Dir(d) {
		if _, ok := s.durable.Load(d); ok {
			break
		}
		if err := s.syncDir(path.Dir(d)); err != nil {
			return moved, err
		}
	}
	for d := dir; d != "."; d = path.Dir(d) {
		s.durable.Store(d, true)
	}
	return moved, nil
}

func (s *Store) renameOnce(name string, size int64, rename func(to string) error) (bool, error) {
	s.place.Lock()
	defer s.place.Unlock()
	info, err := s.root.Lstat(name)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Size() == size:
		// The new time tells RemoveOlder that somebody wants it again.
		now := time.Now()
		if err := s.root.Chtimes(name, now, now); err != nil {
			return false, fmt.Errorf("blob: touch: %w", err)
		}
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("blob: look for the digest: %w", err)
	}
	// A file of another length under this name is damaged: rename mends it.
	if err := rename(name); err != nil {
		return false, fmt.Errorf("blob: rename into place: %w", err)
	}
	return true, nil
}

// Open returns the file for reading and seeking (http.ServeContent), or ErrNotFound.
func (s *Store) Open(digest string) (*os.File, error) {
	if !valid(digest) {
		return nil, ErrNotFound
	}
	f, err := s.root.Open(pathOf(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	return f, nil
}

// Stat returns the size in bytes, or ErrNotFound.
func (s *Store) Stat(digest string) (size int64, err error) {
	if !valid(digest) {
		return 0, ErrNotFound
	}
	info, err := s.root.Lstat(pathOf(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("blob: stat: %w", err)
	}
	return info.Size(), nil
}

// Verify reads the blob again: nil, ErrNotFound, ErrCorrupt, or a read error.
func (s *Store) Verify(ctx context.Context, digest string) error {
	f, err := s.Open(digest)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = copyCtx(ctx, h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("blob: verify %s: %w", digest, err)
	}
	if digestOf(h) != digest {
		return fmt.Errorf("%w: %s", ErrCorrupt, digest)
	}
	return nil
}

// Remove deletes the blob for good; ErrNotFound where there is none. The caller
// knows that nothing refers to it: a sweep uses RemoveOlder instead.
func (s *Store) Remove(digest string) error {
	_, err := s.remove(digest, time.Time{})
	return err
}

// RemoveOlder deletes the blob only where nobody has put the same bytes since
// then; it reports whether it did. So a sweep that walked earlier cannot take
// away what was stored again meanwhile.
func (s *Store) RemoveOlder(digest string, than time.Time) (bool, error) {
	return s.remove(digest, than)
}

func (s *Store) remove(digest string, than time.Time) (bool, error) {
	if !valid(digest) {
		return false, ErrNotFound
	}
	name := pathOf(digest)
	s.place.Lock()
	defer s.place.Unlock()
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, ErrNotFound
	}
	if err != nil {
		return false, fmt.Errorf("blob: remove: %w", err)
	}
	if !than.IsZero() && !info.ModTime().Before(than) {
		return false, nil
	}
	if err := s.root.Remove(name); err != nil {
		return false, fmt.Errorf("blob: remove: %w", err)
	}
	// Synced, because "withdrawn" is a promise as well.
	return true, s.syncDir(path.Dir(name))
}

// Walk calls fn for every blob in order of digest, with its size in bytes and
// the time it was last put. An error from fn ends the walk and is returned.
func (s *Store) Walk(fn func(digest string, size int64, mod time.Time) error) error {
	return s.walk(".", 0, fn)
}

func (s *Store) walk(dir string, depth int, fn func(string, int64, time.Time) error) error {
	entries, err := s.readDir(dir)
	if err != nil {
		return fmt.Errorf("blob: walk: %w", err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if depth < 2 {
			if !e.IsDir() || len(e.Name()) != 2 || !isHex(e.Name()) {
				continue
			}
			if err := s.walk(name, depth+1, fn); err != nil {
				return err
			}
			continue
		}
		if !valid(e.Name()) || pathOf(e.Name()) != name {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed while we walked
		}
		if err != nil {
			return fmt.Errorf("blob: walk: %w", err)
		}
		if err := fn(e.Name(), info.Size(), info.ModTime()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) readDir(dir string) ([]fs.DirEntry, error) {
	return fs.ReadDir(s.root.FS(), dir)
}

func (s *Store) syncDir(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return fmt.Errorf("blob: open a directory to sync it: %w", err)
	}
	if err := s.syncClose(d); err != nil {
		return fmt.Errorf("blob: directory: %w", err)
	}
	return nil
}

func (s *Store) syncClose(f *os.File) error {
	if err := s.fsync(f); err != nil {
		return errors.Join(fmt.Errorf("sync: %w", err), f.Close())
	}
	return f.Close()
}

func pathOf(digest string) string {
	return path.Join(digest[:2], digest[2:4], digest)
}

func valid(digest string) bool {
	return len(digest) == 2*sha256.Size && isHex(digest)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

func digestOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// copyCtx is io.Copy that ends between two blocks when ctx does.
func copyCtx(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, reader{ctx, r}, make([]byte, bufSize))
}

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
