package upload

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/blob"
	"illumi/server/internal/model"
)

// age makes a file look as if nobody had written to it for so long.
func age(t *testing.T, name string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(name, then, then); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) ageBlob(digest string, by time.Duration) {
	r.t.Helper()
	age(r.t.(*testing.T), filepath.Join(r.root, "media", digest[:2], digest[2:4], digest), by)
}

func TestSweep_Unfinished(t *testing.T) {
	r := newRig(t)
	box, page := r.box("b"), r.page("u")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	box.patch(at, 0, data[:100])
	onPage := page.create(protocol.RoleAudio, data)
	for _, c := range []struct {
		idle time.Duration
		want int
	}{
		{KeepUser - time.Minute, 0},
		{KeepUser + time.Minute, 1}, // the page's
		{KeepDevice - time.Minute, 0},
		{KeepDevice + time.Minute, 1},
	} {
		for _, p := range []string{at, onPage} {
			if _, err := os.Stat(r.s.data(idOf(p))); err == nil {
				age(t, r.s.data(idOf(p)), c.idle)
			}
		}
		n, err := r.s.Sweep(t.Context())
		if err != nil || n.Unfinished != c.want {
			t.Errorf("idle %v: %+v, %v", c.idle, n, err)
		}
	}
	want(t, "gone", box.do(http.MethodHead, at, nil).status, http.StatusNotFound)
	r.empty()
}

func (r *rig) finished(owner string, data []byte) string {
	r.t.Helper()
	box := r.box(owner)
	at := box.create(protocol.RoleAudio, data)
	want(r.t, "patch", box.patch(at, 0, data).status, http.StatusNoContent)
	return at
}

func TestSweep_Unclaimed(t *testing.T) {
	r := newRig(t)
	data := wav(1, 440)
	at := r.finished("b", data)
	r.now = r.now.Add(30 * time.Minute)
	r.finished("c", data) // the same bytes, half an hour later
	u, err := r.s.Finish(t.Context(), idOf(at))
	if err != nil {
		t.Fatal(err)
	}
	r.ageBlob(u.Media.SHA256, 25*time.Hour)
	r.ageBlob(u.Media.SharedSHA256, 25*time.Hour)

	// Over, so not claimed any more; and not yet swept, as a claim may be under way.
	r.now = r.now.Add(KeepFinished - 30*time.Minute)
	_, err = r.s.Finish(t.Context(), idOf(at))
	want(t, "claim too late", Problem(err).Code, protocol.CodeUploadUnknown)
	want(t, "head", r.box("b").do(http.MethodHead, at, nil).status, http.StatusNotFound)
	sweep := func(unclaimed int) {
		t.Helper()
		n, err := r.s.Sweep(t.Context())
		if err != nil || n != (Swept{Unclaimed: unclaimed}) {
			t.Errorf("%+v, %v", n, err)
		}
	}
	sweep(0)
	r.now = r.now.Add(sweepGrace + time.Second)
	sweep(1)
	want(t, "noted", len(r.s.unused), 0) // the bytes are c's as well
	r.now = r.now.Add(30 * time.Minute)
	sweep(1)
	want(t, "noted", len(r.s.unused), 2) // c's goes as well, and so shall both files, a day later
	if err := r.s.blobs.Verify(t.Context(), sum(data)); err != nil {
		t.Error(err)
	}
}

// passed makes a service think that it has run for so long.
func passed(s *Service, by time.Duration) { s.uptime = func() time.Duration { return by } }

func TestSweep_BytesOnlyAfterADayOfItsOwn(t *testing.T) {
	r := newRig(t)
	bytesOf := func(u model.Upload) []string { return []string{u.Media.SHA256, u.Media.SharedSHA256} }
	make1 := func(data []byte) model.Upload {
		t.Helper()
		u, err := r.s.Finish(t.Context(), idOf(r.finished("b", data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range bytesOf(u) {
			r.ageBlob(d, 90*24*time.Hour)
		}
		return u
	}
	lost, again, kept := make1(wav(1, 440)), make1(wav(1, 700)), make1(wav(1, 1000))
	// The server comes back on a database that does not name them yet.
	r.stop()
	older := map[string]model.Upload{kept.ID: kept}
	named := r.book.rows
	r.book.rows = older
	r.start()
	sweep := func(blobs int) {
		t.Helper()
		if n, err := r.s.Sweep(t.Context()); err != nil || n != (Swept{Blobs: blobs}) {
			t.Errorf("%+v, %v", n, err)
		}
	}
	look := func() {
		t.Helper()
		if err := r.s.LookForUnused(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweep(0)
	look()
	want(t, "noted", len(r.s.unused), 4)
	passed(r.s, keepUnused-time.Second)
	look()
	sweep(0) // a look does not begin the day anew, and none is skipped

	// The mistake is noticed within the day: nothing is missing.
	r.stop()
	r.book.rows = named
	r.start()
	passed(r.s, 2*keepUnused)
	look()
	want(t, "noted", len(r.s.unused), 0)
	for _, u := range []model.Upload{lost, again, kept} {
		for _, d := range bytesOf(u) {
			if err := r.s.blobs.Verify(t.Context(), d); err != nil {
				t.Error(err)
			}
		}
	}

	// It is not noticed; but one of them is sent again meanwhile.
	r.book.rows = older
	look()
	want(t, "noted", len(r.s.unused), 4)
	make1(wav(1, 700))
	want(t, "noted", len(r.s.unused), 2)
	passed(r.s, 3*keepUnused)
	sweep(2)
	want(t, "noted", len(r.s.unused), 0)
	for _, d := range bytesOf(lost) {
		if _, err := r.s.blobs.Stat(d); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("unused bytes stay: %v", err)
		}
	}
	for _, d := range append(bytesOf(again), bytesOf(kept)...) {
		if err := r.s.blobs.Verify(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
}

func TestOpen_CleansUpAndContinues(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	data := wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	box.patch(at, 0, data[:100])
	if s, err := openService(r.root, r.book, time.Second, time.Now); err == nil {
		t.Errorf("a second server got the directory: %v", s)
	}
	r.stop()
	dir := filepath.Join(r.root, "uploads")
	lone, torn := "0198a5c2-0000-7000-8000-000000000001", "0198a5c2-0000-7000-8000-000000000002"
	for name, text := range map[string]string{
		lone: "bytes of a creation that broke off", torn: "", torn + ".info": `{"ID":"0198`,
		idOf(at) + ".link": "", "readme": "not ours",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	files, _ := r.left()
	want(t, "left", fmt.Sprint(files), fmt.Sprint([]string{idOf(at), idOf(at) + ".info", "readme"}))
	box = r.box("b")
	want(t, "offset", box.offset(at), 100)
	want(t, "rest", box.patch(at, 100, data[100:]).status, http.StatusNoContent)
}

func TestLimits_UnfinishedPerOwner(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	var first string
	for i := range MaxUnfinished {
		at := box.create(protocol.RoleAudio, fmt.Appendf(nil, "recording %d", i))
		if first == "" {
			first = at
		}
	}
	out := box.announce(protocol.RoleAudio, sum([]byte("one more")), 8)
	want(t, "one too many", out.status, http.StatusTooManyRequests)
	want(t, "code", out.problem.Code, protocol.CodeThrottled)
	r.box("other").create(protocol.RoleAudio, []byte("another's"))

	// What was forgotten gives way, so that nobody is locked out for days.
	age(t, r.s.data(idOf(first)), evictAfter+time.Minute)
	box.create(protocol.RoleAudio, []byte("one more"))
	want(t, "forgotten", box.do(http.MethodHead, first, nil).status, http.StatusNotFound)
}

func TestLimits_BytesPerOwner(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	for i := range MaxUnfinishedBytes / protocol.MaxAudioBytes {
		out := box.announce(protocol.RoleAudio, sum(fmt.Append(nil, i)), protocol.MaxAudioBytes)
		want(t, "status", out.status, http.StatusCreated)
	}
	want(t, "too much", box.announce(protocol.RoleAudio, sum(nil), 1).status, http.StatusTooManyRequests)
}

// What is finished counts as well, or one owner could fill the disk in a day.
func TestLimits_UnclaimedPerOwner(t *testing.T) {
	r := newRig(t)
	box := r.box("b")
	kept := func(id string, size int64) model.Upload {
		return model.Upload{ID: id, OwnerID: "b", Media: model.Media{Size: size, SharedSize: size}, ExpiresAt: r.now.Add(time.Hour)}
	}
	refused := func(what string) {
		t.Helper()
		out := box.announce(protocol.RoleAudio, sum([]byte(what)), 8)
		want(t, what, out.status, http.StatusTooManyRequests)
		want(t, what, out.problem.Detail, errUnclaimed.Sentence)
	}
	for i := range MaxUnclaimed - 2 {
		r.book.rows[fmt.Sprint(i)] = kept(fmt.Sprint(i), 1)
	}
	at := r.finished("b", wav(1, 440)) // the 99th
	first := box.create(protocol.RoleAudio, []byte("the hundredth"))
	refused("one more")
	want(t, "begun before", box.create(protocol.RoleAudio, []byte("the hundredth")), first)
	r.box("other").create(protocol.RoleAudio, []byte("another's"))
	delete(r.book.rows, idOf(at)) // a reply named it
	box.create(protocol.RoleAudio, []byte("one more"))

	r.book.rows = map[string]model.Upload{"big": kept("big", MaxUnclaimedBytes/2-10)}
	refused("too much")
}

func TestRemoveUnused(t *testing.T) {
	r := newRig(t)
	there := func(u model.Upload) bool {
		t.Helper()
		_, err := r.s.blobs.Stat(u.Media.SHA256)
		_, shared := r.s.blobs.Stat(u.Media.SharedSHA256)
		if errors.Is(err, blob.ErrNotFound) != errors.Is(shared, blob.ErrNotFound) {
			t.Errorf("half of it is there: %v, %v", err, shared)
		}
		return err == nil
	}
	made := func(hertz float64) model.Upload {
		t.Helper()
		u, err := r.s.Finish(t.Context(), idOf(r.finished("b", wav(1, hertz))))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	remove := func(u model.Upload, since time.Time) {
		t.Helper()
		if err := r.s.RemoveUnused(t.Context(), []string{u.Media.SHA256, u.Media.SharedSHA256, sum(nil)}, since); err != nil {
			t.Error(err)
		}
	}
	later := time.Now().Add(time.Hour)
	gone, named, again := made(440), made(700), made(1000)
	delete(r.book.rows, gone.ID)
	remove(gone, later)
	remove(named, later)
	if there(gone) || !there(named) {
		t.Errorf("unused: there is %t; named: there is %t", there(gone), there(named))
	}
	delete(r.book.rows, again.ID)
	remove(again, time.Now().Add(-time.Hour)) // stored after that
	if !there(again) {
		t.Error("bytes that were stored again are gone")
	}
	want(t, "left to the sweep", len(r.s.unused), 2)
}

// Bytes that are stored and not recorded yet are named by nothing, and needed.
func TestRemoveUnused_WaitsForAnUpload(t *testing.T) {
	r := newRig(t)
	kept, goOn := make(chan struct{}), make(chan struct{})
	r.s.at = func(step string) {
		if step == "kept" {
			close(kept)
			<-goOn
		}
	}
	box, data := r.box("b"), wav(1, 440)
	at := box.create(protocol.RoleAudio, data)
	sent := make(chan int, 1)
	go func() { sent <- box.patch(at, 0, data).status }()
	<-kept
	ended := make(chan error, 1)
	go func() { ended <- r.s.RemoveUnused(t.Context(), []string{sum(data)}, time.Now().Add(time.Hour)) }()
	select {
	case err := <-ended:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	want(t, "patch", <-sent, http.StatusNoContent)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := r.s.blobs.Verify(t.Context(), sum(data)); err != nil {
		t.Errorf("a recorded upload lost its bytes: %v", err)
	}
}
