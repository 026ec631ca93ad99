package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// A recording that cannot be read at the start may still hold somebody's words:
// its bytes are kept, the team learns of it, and the citizen can answer anew.
func TestBoot_TakeThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, wav string)
		aside string // where the bytes are, below takes-damaged/<id>
		kept  bool   // the turn still has its draft
	}{
		"no sound any more": {func(t *testing.T, wav string) { overwrite(t, wav, 0, 60) }, "1.wav", false},
		"no sound any more, cut off": {func(t *testing.T, wav string) {
			overwrite(t, wav, 0, 60)
			must(t, os.Rename(wav, wav+".part"))
		}, "1.wav.part", false},
		"no file any more": {func(t *testing.T, wav string) {
			must(t, os.Remove(wav))
			must(t, os.MkdirAll(wav, 0o700))
		}, "1.wav", false},
		"no sound any more, with a copy": {func(t *testing.T, wav string) {
			data, err := os.ReadFile(wav)
			must(t, err)
			must(t, os.WriteFile(wav[:len(wav)-4]+".flac", data, 0o600)) // what it holds is told by its bytes
			overwrite(t, wav, 0, 60)
		}, "1.wav", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed, o.SendMode = false, protocol.SendConfirm }, whisper())
			b := start(t, t.TempDir(), s, nil)
			b.online()
			b.record()
			b.phase(flow.Review)
			b.stop()
			wav := filepath.Join(b.dir, "takes", hopID(1), "1.wav")
			c.spoil(t, wav)
			before, _ := os.ReadFile(wav)

			b = ready(t, b.dir, s, nil)
			after := b.files("takes-damaged/*/" + c.aside)
			if len(after) != 1 {
				t.Fatalf("the bytes are gone: %v", after)
			}
			if got, _ := os.ReadFile(after[0]); len(before) > 0 && !bytes.Equal(got, before) {
				t.Error("the bytes are others")
			}
			if c.kept {
				if b.first.Phase != flow.Draft || b.first.Take.N != 1 || b.reported(protocol.ReportReply) != 0 {
					t.Errorf("the copy is not taken: %s %+v", b.first.Phase, b.first.Take)
				}
				return
			}
			if b.first.Phase != flow.Heard || b.first.Take.N != 0 {
				t.Errorf("the box starts in %s with %+v", b.first.Phase, b.first.Take)
			}
			if n := b.reported(protocol.ReportReply); n != 1 {
				t.Errorf("%d reports", n)
			}
			b.online()
			b.record()
			b.press(flow.Review)
			b.phase(flow.Sent)
			if got := s.snapshot(); got.accepted(hopID(1)) != 1 {
				t.Errorf("replies %+v", got.replies)
			}
			if len(b.files("takes-damaged/*/"+c.aside)) != 1 {
				t.Error("the next answer took the bytes along")
			}
			b.d.post(b.d.ctx, func() { // a day and an hour pass, as for every take
				for id := range b.d.seen {
					b.d.seen[id] = time.Now().Add(-takeLife - time.Hour)
				}
				b.d.tidy()
			})
			b.looped()
			if left := b.files("takes-damaged/*"); len(left) != 0 {
				t.Errorf("unsent words stay for ever: %v", left)
			}
		})
	}
}

// overwrite replaces n bytes of a file by zeros.
func overwrite(t *testing.T, name string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(make([]byte, n), at)
	must(t, err)
	must(t, f.Close())
}
