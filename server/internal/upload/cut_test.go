package upload

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
)

func TestCut_EveryPercent(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	synced := make(chan string, 16)
	r.s.sync = func(f *os.File) error {
		err := f.Sync()
		synced <- filepath.Base(f.Name())
		return err
	}
	for percent := range 101 {
		k := len(data) * percent / 100
		at := box.create(protocol.RoleAudio, data)
		conn, _ := box.dialPatch(at, 0, data, k)
		hangUp(conn)
		for name := range synced {
			if name == idOf(at) {
				break
			}
		}
		if got := box.offset(at); got != k {
			t.Fatalf("cut at %d: the server says %d", k, got)
		}
		if k < len(data) {
			want(t, "resume", box.patch(at, k, data[k:]).status, http.StatusNoContent)
		}
		u, err := r.s.Finish(t.Context(), idOf(at))
		if err != nil || u.Media.SHA256 != sum(data) {
			t.Fatalf("cut at %d: %+v, %v", k, u, err)
		}
		if err := r.book.DeleteUpload(t.Context(), u.ID); err != nil { // a reply names it
			t.Fatal(err)
		}
		for len(synced) > 0 {
			<-synced
		}
	}
	files, blobs := r.left()
	if len(files) != 0 || blobs != 2 {
		t.Errorf("left %q, %d blobs", files, blobs)
	}
}

func TestCut_AnswerLost(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	inside, release := make(chan bool), make(chan bool)
	var once sync.Once
	r.s.at = func(step string) {
		if step == "checked" {
			once.Do(func() { close(inside); <-release })
		}
	}
	conn, _ := box.dialPatch(at, 0, data, len(data))
	<-inside
	hangUp(conn)
	asked := make(chan int)
	go func() { asked <- box.offset(at) }()
	close(release)
	want(t, "offset", <-asked, len(data))
	want(t, "records written", r.book.puts, 1)
}

func TestCut_StalledIsTakenOver(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	_, stalled := box.dialPatch(at, 0, data, 5000)
	waitSize(t, r.s.data(idOf(at)), 5000)
	begin := time.Now()
	want(t, "offset", box.offset(at), 5000)
	if took := time.Since(begin); took > r.network/4 {
		t.Errorf("taking over took %v", took)
	}
	want(t, "the stalled one hears", box.statusOn(stalled), http.StatusConflict)
	want(t, "resume", box.patch(at, 5000, data[5000:]).status, http.StatusNoContent)
}

func TestCut_SilenceEndsByItself(t *testing.T) {
	r := newRig(t)
	r.stop()
	r.network = 50 * time.Millisecond
	r.start()
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	_, silent := box.dialPatch(at, 0, data, 5000)
	want(t, "status", box.statusOn(silent), http.StatusServiceUnavailable)
	want(t, "offset", box.offset(at), 5000)
}

func TestCut_ManyWritersOneFile(t *testing.T) {
	r := newRig(t)
	data := wav(3, 440)
	at := r.box("b").create(protocol.RoleAudio, data)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			box := r.box("b")
			for {
				head, err := box.try(http.MethodHead, at, nil)
				if err == nil && head.status == http.StatusServiceUnavailable {
					continue // see waited
				}
				if err != nil || head.status != http.StatusOK {
					t.Errorf("head: %d, %v", head.status, err)
					return
				}
				n := atoi(t, head.header.Get("Upload-Offset"))
				if n == len(data) {
					return
				}
				end := min(n+7001, len(data))
				// Whoever loses is told so, or cut off, and asks again.
				out, err := box.try(http.MethodPatch, at, bytes.NewReader(data[n:end]), patchHeader(n)...)
				if err == nil && out.status != http.StatusNoContent && out.status != http.StatusConflict && out.status != http.StatusServiceUnavailable {
					t.Errorf("patch: %d %+v", out.status, out.problem)
					return
				}
			}
		})
	}
	all.Wait()
	rows := r.book.all()
	if len(rows) != 1 || rows[0].Media.SHA256 != sum(data) || r.book.puts != 1 {
		t.Errorf("%d rows, %d records: %+v", len(rows), r.book.puts, rows)
	}
}

func TestCut_ServerCloses(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	_, running := box.dialPatch(at, 0, data, 5000)
	waitSize(t, r.s.data(idOf(at)), 5000)
	if err := r.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "running", box.statusOn(running), http.StatusServiceUnavailable)
	want(t, "new", box.do(http.MethodHead, at, nil).status, http.StatusServiceUnavailable)
	_, err := r.s.Finish(t.Context(), idOf(at))
	want(t, "finish", Problem(err).Status, http.StatusServiceUnavailable)
	if err := r.s.Close(t.Context()); err != nil {
		t.Errorf("close again: %v", err)
	}
	r.srv.Close()

	r.start()
	box = r.box("b")
	want(t, "kept", box.offset(at), 5000)
	want(t, "resume", box.patch(at, 5000, data[5000:]).status, http.StatusNoContent)
}

func TestFinish_RecordFails(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	r.book.fail = errors.New("database is away")
	out := box.patch(at, 0, data)
	want(t, "status", out.status, http.StatusInternalServerError)
	want(t, "code", out.problem.Code, protocol.CodeInternal)
	want(t, "head", box.do(http.MethodHead, at, nil).status, http.StatusInternalServerError)
	r.book.mu.Lock()
	r.book.fail = nil
	r.book.mu.Unlock()
	want(t, "offset", box.offset(at), len(data))
	want(t, "records written", r.book.puts, 1)
}

func TestFinish_ByManyAtOnce(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	r.book.fail = errors.New("not yet")
	box.patch(at, 0, data)
	r.book.fail = nil
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := r.s.Finish(t.Context(), idOf(at)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want(t, "rows", len(r.book.all()), 1)
	_, err := r.s.Finish(t.Context(), "../../etc/passwd")
	want(t, "no id", Problem(err).Status, http.StatusNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.s.Finish(ctx, idOf(at)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFinish_WithoutHardLinks(t *testing.T) {
	r := newRig(t)
	r.s.link = func(string, string) error { return syscall.EPERM }
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	want(t, "patch", box.patch(at, 0, data).status, http.StatusNoContent)
	want(t, "offset", box.offset(at), len(data))
	if err := r.s.blobs.Verify(t.Context(), sum(data)); err != nil {
		t.Error(err)
	}
}

func TestDisk_SyncFails(t *testing.T) {
	for _, when := range []string{"while received", "while finished"} {
		t.Run(when, func(t *testing.T) {
			r := newRig(t)
			box := r.box("b")
			box.t = t
			data := wav(1, 440)
			at := box.create(protocol.RoleAudio, data)
			syncs := 0
			r.s.sync = func(f *os.File) error {
				syncs++
				if when == "while received" || syncs == 2 {
					return &fs.PathError{Op: "sync", Path: f.Name(), Err: syscall.EIO}
				}
				return f.Sync()
			}
			want(t, "status", box.patch(at, 0, data).status, http.StatusInternalServerError)
			r.s.sync = (*os.File).Sync
			// A second sync would succeed and prove nothing: the file is sent anew.
			want(t, "afterwards", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
			want(t, "rows", len(r.book.all()), 0)
			if entries, err := os.ReadDir(r.s.dir); err != nil || len(entries) != 0 {
				t.Errorf("left %v, %v", entries, err)
			}
		})
	}
}

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestDisk_FullWhileReceiving(t *testing.T) {
	r := newRigAt(t, smallDisk(t, "200k"))
	box := r.box("b")
	data := wav(30, 440) // 480 kB
	at := box.create(protocol.RoleAudio, data)
	out := box.patch(at, 0, data)
	want(t, "status", out.status, http.StatusInsufficientStorage)
	want(t, "code", out.problem.Code, protocol.CodeStorageFull)
	want(t, "rows", len(r.book.all()), 0)
	if n := box.offset(at); n <= 0 || n >= len(data) {
		t.Errorf("offset %d on a full disk", n)
	}
	want(t, "give up", box.do(http.MethodDelete, at, nil).status, http.StatusNoContent)
	r.empty()
	small := wav(1, 440)
	want(t, "a small one fits", box.patch(box.create(protocol.RoleAudio, small), 0, small).status, http.StatusNoContent)
}

func TestDisk_FullWhileFinishing(t *testing.T) {
	r := newRigAt(t, smallDisk(t, "400k"))
	ballast := filepath.Join(r.root, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 150_000), 0o600); err != nil {
		t.Fatal(err)
	}
	box := r.box("b")
	data := wav(10, 440) // 160 kB, and as much again for the copy
	at := box.create(protocol.RoleAudio, data)
	out := box.patch(at, 0, data)
	want(t, "status", out.status, http.StatusInsufficientStorage)
	files, blobs := r.left()
	if got := strings.Join(files, " "); got != idOf(at)+" "+idOf(at)+".info" || blobs != 0 {
		t.Errorf("half-stored: %s, %d blobs", got, blobs)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	want(t, "once there is room", box.offset(at), len(data))
	want(t, "rows", len(r.book.all()), 1)
}
