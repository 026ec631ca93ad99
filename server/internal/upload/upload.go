// Package upload takes files in over tus 1.0 and acknowledges one only when
// its bytes are checked, kept by the blob store and recorded.
//
// Its one idea: finishing is repeated from its start until it is recorded.
// Every step before the record leaves the received bytes where they were and
// gives the same result when done again, so a crash anywhere costs work and
// never a file. Who lost the answer asks with HEAD and learns that it is done.
package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	"golang.org/x/sync/singleflight"

	"illumi/protocol"
	"illumi/server/internal/blob"
	"illumi/server/internal/media"
	"illumi/server/internal/model"
)

const (
	// MaxUnfinished bounds the unfinished uploads of one owner. A start page
	// has two, a box one; the rest is for tabs and restarts.
	MaxUnfinished = 20
	// MaxUnfinishedBytes bounds what one owner's unfinished uploads may grow to.
	MaxUnfinishedBytes = 10 * protocol.MaxAudioBytes
	// MaxUnclaimed bounds an owner's uploads that nothing has named yet. What
	// nobody claims is forgotten after KeepFinished.
	MaxUnclaimed = 100
	// MaxUnclaimedBytes bounds what they take, with their shared copies.
	MaxUnclaimedBytes = 2 * MaxUnfinishedBytes
	// KeepDevice is how long a box's unfinished upload is kept after its last
	// byte: a home can be without network for days.
	KeepDevice = 7 * 24 * time.Hour
	// KeepUser is the same for a researcher's page.
	KeepUser = 24 * time.Hour
	// KeepFinished is how long a recorded upload waits to be named by a reply or a start.
	KeepFinished = 24 * time.Hour

	// evictAfter is the rest after which an owner's oldest unfinished upload
	// gives way to a new one, so that forgotten ones never lock a box out.
	evictAfter = time.Hour
	// sweepGrace keeps what has just expired, so that a transaction which saw
	// it alive is over before its bytes go.
	sweepGrace = time.Hour
	// keepUnused is how long stored bytes stay after this process first saw
	// that nothing refers to them.
	keepUnused = 24 * time.Hour
	// finishTime bounds the work on one finished file; media bounds its own parts.
	finishTime = 10 * time.Minute
	// answerTime is how long a client may take to accept its answer.
	answerTime = 30 * time.Second
)

// OwnerKind says whose identifier an owner's id is.
type OwnerKind string

// Kinds of owner.
const (
	OwnerDevice OwnerKind = "device"
	OwnerUser   OwnerKind = "user"
)

// Recorder keeps finished uploads durably: the store, or a test's fake.
type Recorder interface {
	// PutUpload returns once u is committed; putting the same id again is fine.
	PutUpload(ctx context.Context, u model.Upload) error
	// Upload returns a recorded upload, and false where there is none.
	Upload(ctx context.Context, id string) (model.Upload, bool, error)
	// ExpiredUploads lists uploads whose ExpiresAt is before now, oldest first.
	ExpiredUploads(ctx context.Context, now time.Time, limit int) ([]model.Upload, error)
	// UploadsOf counts the recorded uploads of an owner and their bytes, shared
	// copies included.
	UploadsOf(ctx context.Context, owner string) (count int, bytes int64, err error)
	// DeleteUpload forgets an upload; one that is gone already is fine.
	DeleteUpload(ctx context.Context, id string) error
}

// Options are what a Service needs.
type Options struct {
	// Dir keeps unfinished uploads: a directory of its own on the blob store's
	// file system, used by one process.
	Dir   string
	Blobs *blob.Store
	// Recorder keeps what is finished.
	Recorder Recorder
	// InUse reports whether a file of a whisper or a recorded upload still
	// refers to these bytes; what nobody uses is swept.
	InUse func(ctx context.Context, sha256 string) (bool, error)
	// NetworkTimeout ends a PATCH that received nothing for so long; zero
	// means a minute. What came is kept, and another request can take over
	// earlier.
	NetworkTimeout time.Duration
	// Converter reads recordings that Go cannot; nil means what
	// media.FindConverter finds now.
	Converter *media.Converter
	// Now is the clock of what is recorded; nil means time.Now.
	Now func() time.Time
}

// Service holds the unfinished uploads of one directory. Its handlers and its
// own methods are safe for concurrent use.
type Service struct {
	dir     string
	blobs   *blob.Store
	rec     Recorder
	inUse   func(context.Context, string) (bool, error)
	network time.Duration
	now     func() time.Time
	// converter is what was found at the start: an M4A is not refused and
	// accepted in turn.
	converter media.Converter

	// One process owns the directory, so locks live in memory: a crash cannot
	// leave a stale one, as lock files with a reused process id would. The
	// kernel's lock on the directory ends with the process, however it ends.
	locks *memorylocker.MemoryLocker
	guard *os.File

	// storing is held for reading from the first stored byte of a finished upload
	// until it is recorded: in between nothing names its bytes yet.
	storing sync.RWMutex

	flight singleflight.Group
	slots  chan struct{} // files that are worked on at once

	mu      sync.Mutex
	open    map[string]entry         // unfinished uploads by id
	unused  map[string]time.Duration // stored bytes that nothing refers to, with the uptime at which that was seen
	closing bool
	running sync.WaitGroup

	bodies     context.Context // ends when running PATCHes shall
	stopBodies context.CancelFunc
	work       context.Context // ends when finishing shall
	stopWork   context.CancelFunc

	link func(oldname, newname string) error
	sync func(*os.File) error
	// uptime is the time since Open; a clock that is set does not move it.
	uptime func() time.Duration
	// at is called between the steps of Finish; tests end the process there.
	at func(step string)
}

// entry is an unfinished upload as it was announced.
type entry struct {
	owner  string
	kind   OwnerKind
	role   protocol.Role
	sha256 string // empty where a page announced none
	size   int64
	ready  bool // its files exist
}

// Names of an entry's facts in tusd's own record of an upload.
const (
	metaOwner  = "owner"
	metaKind   = "owner_kind"
	metaRole   = "role"
	metaDigest = "sha256"
)

func (e entry) meta() handler.MetaData {
	return handler.MetaData{metaOwner: e.owner, metaKind: string(e.kind), metaRole: string(e.role), metaDigest: e.sha256}
}

func (e entry) keep() time.Duration {
	if e.kind == OwnerDevice {
		return KeepDevice
	}
	return KeepUser
}

// Open takes the directory over (mode 0700, made if needed), finds the uploads
// to be continued and removes what a crash left of others. It fails where
// another process has the directory.
func Open(o Options) (*Service, error) {
	if o.Blobs == nil || o.Recorder == nil || o.InUse == nil {
		return nil, errors.New("upload: a blob store, a recorder and a use count are needed")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("upload: find %q: %w", o.Dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("upload: make the directory: %w", err)
	}
	guard, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("upload: open the directory: %w", err)
	}
	if err := syscall.Flock(int(guard.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("another server uses %s; stop that one first, or give this one a data directory of its own with --data", dir)
		} else {
			err = fmt.Errorf("upload: lock %s: %w", dir, err)
		}
		return nil, errors.Join(err, guard.Close())
	}
	s := &Service{
		dir: dir, blobs: o.Blobs, rec: o.Recorder, inUse: o.InUse,
		network: o.NetworkTimeout, now: o.Now,
		locks: memorylocker.New(), guard: guard,
		slots: make(chan struct{}, max(runtime.GOMAXPROCS(0), 2)),
		open:  map[string]entry{}, unused: map[string]time.Duration{},
		link: os.Link, sync: (*os.File).Sync, at: func(string) {},
	}
	opened := time.Now()
	s.uptime = func() time.Duration { return time.Since(opened) } // by the monotonic clock
	if s.network <= 0 {
		s.network = time.Minute
	}
	if o.Converter != nil {
		s.converter = *o.Converter
	} else {
		s.converter = media.FindConverter()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.bodies, s.stopBodies = context.WithCancel(context.Background())
	s.work, s.stopWork = context.WithCancel(context.Background())
	if err := s.scan(); err != nil {
		return nil, errors.Join(err, guard.Close())
	}
	return s, nil
}

// Close ends running transfers at once, keeping what they received, waits for
// files being finished until ctx ends, and gives the directory free. Closing
// again is fine.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.stopBodies()
	idle := make(chan struct{})
	go func() {
		s.running.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("upload: files were still being finished: %w", ctx.Err())
	}
	s.stopWork() // every step ends with its context
	<-idle
	if cerr := s.guard.Close(); !errors.Is(cerr, fs.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}

// begin counts a request or a finish in; it is refused while closing.
func (s *Service) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errClosing
	}
	s.running.Add(1)
	return nil
}

func (s *Service) data(id string) string { return filepath.Join(s.dir, id) }
func (s *Service) info(id string) string { return filepath.Join(s.dir, id+".info") }
func (s *Service) twin(id string) string { return filepath.Join(s.dir, id+".link") }

// scan fills the index from the directory. A file without its other half is
// what a crash left of a creation or a removal: nobody was told of it, or
// nobody needs it.
func (s *Service) scan() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("upload: list the directory: %w", err)
	}
	for _, f := range files {
		id, isInfo := strings.CutSuffix(f.Name(), ".info")
		if !isInfo || !protocol.ValidID(id) {
			continue
		}
		e, ok, err := s.load(id)
		if err != nil {
			return err
		}
		if ok {
			s.open[id] = e
		}
	}
	for _, f := range files {
		id, _, _ := strings.Cut(f.Name(), ".")
		_, known := s.open[id]
		if !protocol.ValidID(id) || known && f.Name() != id+".link" {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("upload: remove what a crash left: %w", err)
		}
	}
	return nil
}

// load reads tusd's record of an upload; ok is false where it is torn or the
// data is missing.
func (s *Service) load(id string) (e entry, ok bool, err error) {
	raw, err := os.ReadFile(s.info(id))
	if err != nil {
		return entry{}, false, fmt.Errorf("upload: read a record: %w", err)
	}
	var info handler.FileInfo
	if json.Unmarshal(raw, &info) != nil || info.ID != id {
		return entry{}, false, nil
	}
	if _, err := os.Stat(s.data(id)); errors.Is(err, fs.ErrNotExist) {
		return entry{}, false, nil
	} else if err != nil {
		return entry{}, false, fmt.Errorf("upload: look at an upload: %w", err)
	}
	m := info.MetaData
	return entry{
		owner: m[metaOwner], kind: OwnerKind(m[metaKind]), role: protocol.Role(m[metaRole]),
		sha256: m[metaDigest], size: info.Size, ready: true,
	}, true, nil
}

// entry returns an unfinished upload.
func (s *Service) entry(id string) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.open[id]
	return e, ok
}

// reserve gives an announced upload its id. Announcing the same bytes again
// finds the upload that was begun, so that a lost answer leaves no orphan; it
// needs a digest to know them by.
func (s *Service) reserve(ctx context.Context, e entry) (id string, found bool, err error) {
	unclaimed, kept, err := s.rec.UploadsOf(ctx, e.owner)
	if err != nil {
		return "", false, fmt.Errorf("upload: count what is kept for the owner: %w", err)
	}
	for {
		id, oldest, err := s.tryReserve(e, unclaimed, kept)
		if err != nil || id != "" && oldest == "" {
			return id, false, err
		}
		if id != "" {
			return id, true, nil
		}
		dropped, err := s.discard(ctx, oldest, evictAfter)
		if err != nil {
			return "", false, err
		}
		if !dropped {
			return "", false, errTooMany
		}
	}
}

// tryReserve returns a new id; or an id twice, of the same upload begun
// before; or only the owner's oldest upload, which has to go first. Unclaimed
// and kept are the owner's recorded uploads and their bytes.
func (s *Service) tryReserve(e entry, unclaimed int, kept int64) (id, oldest string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var count int
	bytes := e.size
	var oldestTime time.Time
	for id, o := range s.open {
		if o.owner != e.owner || o.kind != e.kind {
			continue
		}
		if o.ready && o.sha256 != "" && o.sha256 == e.sha256 && o.role == e.role && o.size == e.size {
			return id, id, nil
		}
		count++
		bytes += o.size
		st, err := os.Stat(s.data(id))
		if err != nil {
			continue // being made or removed at this moment
		}
		if oldest == "" || st.ModTime().Before(oldestTime) {
			oldest, oldestTime = id, st.ModTime()
		}
	}
	if unclaimed+count >= MaxUnclaimed || kept+bytes > MaxUnclaimedBytes {
		return "", "", errUnclaimed
	}
	if count >= MaxUnfinished || bytes > MaxUnfinishedBytes {
		if oldest == "" {
			return "", "", errTooMany
		}
		return "", oldest, nil
	}
	fresh, err := uuid.NewV7()
	if err != nil {
		return "", "", fmt.Errorf("upload: make an id: %w", err)
	}
	s.open[fresh.String()] = e
	return fresh.String(), "", nil
}

// ready marks that a reserved upload has its files.
func (s *Service) ready(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.open[id]
	e.ready = true
	s.open[id] = e
}

// drop removes all of an unfinished upload; what is gone already is fine.
func (s *Service) drop(id string) error {
	s.mu.Lock()
	delete(s.open, id)
	s.mu.Unlock()
	var errs []error
	for _, name := range []string{s.twin(id), s.data(id), s.info(id)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("upload: remove: %w", err))
		}
	}
	return errors.Join(errs...)
}
