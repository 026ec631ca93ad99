package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// kinds are the events that a box has seen of one kind.
func (b *box) kinds(kind flow.Kind) (list []flow.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// eventually waits for something that is no event.
func (b *box) eventually(what string, is func() bool) {
	b.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			b.Fatalf("waited in vain for %s", what)
		}
	}
}

// files of a directory of the box.
func (b *box) files(pattern string) []string {
	b.Helper()
	list, err := filepath.Glob(filepath.Join(b.dir, pattern))
	must(b, err)
	return list
}

// The server is set back to a backup from before the reply, and offers the hop
// again: it gets the same reply, and nobody is asked twice.
func TestDaemon_RestoredServerGetsTheReplyAgain(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, b *box) *box{
		"while the box runs": func(_ *testing.T, b *box) *box { return b },
		"while the box is off": func(t *testing.T, b *box) *box {
			b.stop()
			return start(t, b.dir, b.server, nil)
		},
		"with the offer in the inbox at the start": func(t *testing.T, b *box) *box {
			b.stop()
			// As a cut leaves it between the receipt and the end of the turn.
			must(t, os.CopyFS(filepath.Join(b.dir, "inbox", hopID(1)), os.DirFS(filepath.Join(filepath.Dir(b.dir), "before"))))
			return start(t, b.dir, b.server, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.offer(hopID(1), nil, whisper(), picture(t))
			root := t.TempDir()
			b := start(t, filepath.Join(root, "box"), s, nil)
			b.online()
			b.phase(flow.New)
			backup := s.snapshot()
			copyTree(t, filepath.Join(b.dir, "inbox", hopID(1)), filepath.Join(root, "before"))
			b.record()
			b.reply()
			b.phase(flow.Sent)
			b.phase(flow.Idle)
			first := s.snapshot().replies[0].reply

			again := make(chan struct{}, 8)
			s.do(func() {
				s.s = backup.clone()
				s.onReceipt = func() { again <- struct{}{} }
			})
			b = between(t, b)
			b.online()
			<-again
			b.eventually("the receipt", func() bool { return len(b.files("sent/*/receipt.json")) == 1 })
			got := s.snapshot()
			if len(got.replies) != 1 || got.accepted(hopID(1)) != 1 {
				t.Fatalf("the server has %d replies", len(got.replies))
			}
			second := got.replies[0].reply
			for _, r := range []*protocol.Reply{&first, &second} {
				r.Files = slices.Clone(r.Files)
				for i := range r.Files {
					r.Files[i].Upload = ""
				}
			}
			if !reflect.DeepEqual(first, second) {
				t.Errorf("another reply:\n%+v\n%+v", first, second)
			}
			b.tell(link.Hint{Kind: link.Notice}) // everything before it is done
			b.stop()
			if n := len(b.kinds(flow.KindMSG)); name != "while the box runs" && n > 0 || n > 1 {
				t.Errorf("the whisper arrived %d times", n)
			}
			if b.state.Phase != flow.Idle || b.first.Phase == flow.New {
				t.Errorf("the box is in %s", b.state.Phase)
			}
		})
	}
}

// The server keeps the old reply beside the chain and waits for another one:
// then it is asked for, and not taken for the old one.
func TestDaemon_RestoredServerThatWantsAnotherReply(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.phase(flow.New)
	backup := s.snapshot()
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
	b.phase(flow.Idle)
	s.do(func() {
		s.s = backup.clone()
		s.lateHops[hopID(1)] = true
	})
	b.online()
	b.phase(flow.New)
	s.do(func() { clear(s.lateHops) })
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
	if got := s.snapshot(); len(got.replies) != 2 || got.accepted(hopID(1)) != 1 || got.replies[0].reply.ID == got.replies[1].reply.ID {
		t.Errorf("the server has %d replies, %d of them accepted", len(got.replies), got.accepted(hopID(1)))
	}
}

// queued has a box with a reply in its outbox and no way to send it.
func queued(t *testing.T, s *server) *box {
	t.Helper()
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.phase(flow.New)
	s.do(func() { s.down = true })
	b.record()
	b.press(flow.Review)
	b.until("the seal", func(s flow.State) bool { return len(s.Unsent) == 1 })
	return b
}

// spoil flips a bit of every file.
func spoil(t *testing.T, names []string) {
	t.Helper()
	if len(names) == 0 {
		t.Fatal("nothing to spoil")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		data[len(data)/2] ^= 1
		must(t, os.WriteFile(name, data, 0o600))
	}
}

// A reply that the card forgets is asked for once more, however it is found.
func TestDaemon_DamagedReplyIsAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  string
		inbox  bool // the whisper is gone as well
		atBoot bool
	}{
		"the recording, found at the start":                 {"audio.wav", false, true},
		"the manifest, found at the start":                  {"manifest.json", false, true},
		"the recording, and the whisper is gone":            {"audio.wav", true, true},
		"the manifest, found while it runs":                 {"manifest.json", false, false},
		"the manifest, and the whisper is gone, as it runs": {"manifest.json", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := queued(t, s)
			harm := func() {
				spoil(t, b.files("outbox/*/"+c.spoil))
				if c.inbox {
					must(t, os.RemoveAll(filepath.Join(b.dir, "inbox", hopID(1))))
				}
			}
			if c.atBoot {
				b.stop()
				harm()
				b = start(t, b.dir, s, nil)
			} else {
				harm()
				b.until("the damage", func(s flow.State) bool { return len(s.Unsent) == 0 })
			}
			s.do(func() { s.down = false })
			b.online()
			b.until("the whisper", func(s flow.State) bool {
				return s.Turn.Hop == hopID(1) && s.Turn.Again && s.Reply == ""
			})
			if s := b.phase(flow.New, flow.NewQuiet, flow.Heard); s.Phase == flow.Heard {
				b.press(flow.Heard) // a start says nothing by itself
			}
			b.eventually("a word why it is back", func() bool { return b.face.said(flow.SayAgain) })
			complete(b)
			if got := s.snapshot(); len(got.replies) != 1 || got.accepted(hopID(1)) != 1 {
				t.Errorf("the server has %d replies", len(got.replies))
			}
			if n := len(b.files("outbox-damaged/*")); n != 1 {
				t.Errorf("%d replies are set aside", n)
			}
		})
	}
}

// A reply that the server refuses for good is kept, counts as unsent, and holds
// up neither the citizen nor another reply.
func TestDaemon_RefusedReplyHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var refuse atomic.Bool
	refuse.Store(true)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, hopID(1)) {
			problem(w, http.StatusNotFound, protocol.CodeHopUnknown)
			return
		}
		inner.ServeHTTP(w, r)
	})
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	b.record()
	b.press(flow.Review)
	b.phase(flow.Idle)
	b.eventually("a word", func() bool { return b.face.said(flow.SayQueued) })
	if b.face.said(flow.SaySent) {
		t.Error("the citizen was told it is sent")
	}
	b.stop()

	b = start(t, b.dir, s, func(o *Options) { o.StatusFile = filepath.Join(b.dir, "status") })
	b.until("the start", func(s flow.State) bool { return s.Restored })
	if b.first.Phase != flow.Idle {
		t.Errorf("the box starts in %s", b.first.Phase)
	}
	b.online()
	if r, err := ReadReport(b.d.o.StatusFile); err != nil || r.Unsent != 1 {
		t.Errorf("status %+v, %v", r, err)
	}
	s.offer(hopID(2), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b.pull()
	b.record()
	b.press(flow.Review)
	b.phase(flow.Sent)
	b.phase(flow.Idle)

	refuse.Store(false)
	stored := make(chan struct{}, 8)
	s.do(func() { s.onReceipt = func() { stored <- struct{}{} } })
	b.online() // or the hour
	<-stored
	b.eventually("the receipt", func() bool {
		r, err := ReadReport(b.d.o.StatusFile)
		return err == nil && r.Unsent == 0
	})
	if got := s.snapshot(); got.accepted(hopID(1)) != 1 || got.accepted(hopID(2)) != 1 {
		t.Errorf("%d replies", len(got.replies))
	}
	if n := len(b.kinds(flow.KindACK)); n != 1 {
		t.Errorf("%d receipts were told", n)
	}
}
