package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/protocol"
)

// clip puts a replaced sentence on the server's list and gives settings that
// name the list.
func (s *server) clip(name string) protocol.Settings {
	var want protocol.Settings
	s.do(func() { want = s.clipNow(name) })
	return want
}

func (s *server) clipNow(name string) protocol.Settings {
	data := media.EncodeWAV(media.Babble(name, 1))
	s.s.media[digest(data)] = data
	s.s.clips = protocol.Clips{Set: clipSet(name), Clips: []protocol.Clip{{Key: string(flow.SayNew), SHA256: digest(data), Size: int64(len(data))}}}
	want := Workshop()
	want.Version, want.Clips = int64(len(name)), clipSet(name)
	return want
}

func clipSet(name string) string { return digest([]byte(name)) }

// A sentence that somebody else is to speak is fetched when the settings name
// another list, is told as in force once it is there, and survives a restart.
func TestClips_FollowTheSettings(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	clips := filepath.Join(dir, "clips")
	has := func(o *Options) { o.Clips = clips; o.Health = func() protocol.Health { return protocol.Health{} } }
	b := ready(t, dir, s, has)
	b.online()
	inForce := func(b *box) string {
		n, err := b.d.sayNow(b.d.ctx)
		must(t, err)
		return n.InForce.Clips
	}
	if inForce(b) != "" {
		t.Error("it speaks with another voice already")
	}
	for _, set := range []string{"one", "three"} {
		want := s.clip(set)
		b.tell(link.Hint{Kind: link.Settings, Settings: &want})
		b.eventually("the list "+set, func() bool { return inForce(b) == clipSet(set) })
	}
	if got := b.files("clips/*.wav"); len(got) != 1 || filepath.Base(got[0]) != string(flow.SayNew)+".wav" {
		t.Errorf("%v", got)
	}
	b.stop()
	s.do(func() { s.down = true })
	b = ready(t, dir, s, has)
	if inForce(b) != clipSet("three") {
		t.Error("after a restart it has forgotten what it has")
	}
}

// A list that changes while the one before is fetched is fetched as well.
func TestClips_ChangedWhileTheyAreFetched(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	b := ready(t, dir, s, func(o *Options) { o.Clips = filepath.Join(dir, "clips") })
	b.online()
	first := s.clip("one")
	s.do(func() {
		s.onClips = func() {
			s.onClips = nil
			second := s.clipNow("second")
			b.tell(link.Hint{Kind: link.Settings, Settings: &second})
			b.looped()
		}
	})
	b.tell(link.Hint{Kind: link.Settings, Settings: &first})
	b.eventually("the second list", func() bool {
		n, err := b.d.sayNow(b.d.ctx)
		return err == nil && n.InForce.Clips == clipSet("second")
	})
}

// The language is that of the moment at which a sentence is begun.
func TestPack_IsThatOfTheSettings(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	b := ready(t, t.TempDir(), newServer(t), func(o *Options) {
		o.Packs = func(language string) media.Pack {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, language)
			return media.Pack{Murmur: true}
		}
	})
	b.online()
	b.knock()
	b.eventually("a word", func() bool { return b.face.said(flow.SayIdleOK) })
	set := Workshop()
	set.Version, set.Language = 2, "de"
	b.tell(link.Hint{Kind: link.Settings, Settings: &set})
	b.knock()
	b.eventually("a German word", func() bool { mu.Lock(); defer mu.Unlock(); return slices.Contains(asked, "de") })
	mu.Lock()
	defer mu.Unlock()
	if asked[0] != "en" {
		t.Errorf("%v", asked)
	}
}

// A take is sent compressed where there is time for that, and is the same sound;
// one that cannot be compressed is sent as it is.
func TestCompress_LosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		full bool
		kind string
	}{"compressed": {false, "audio/flac"}, "not compressed": {true, "audio/wav"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := newServer(t), &room{free: 1e9}
			dir := t.TempDir()
			s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
			b := start(t, dir, s, func(o *Options) {
				o.FLAC = true
				r.use(t, dir)(o)
				if c.full {
					r.only(".flac")
				}
			})
			b.spool = b.d.spool
			b.online()
			b.record()
			b.phase(flow.Review, flow.Draft)
			wav := b.files("takes/*/1.wav")
			if len(wav) != 1 {
				t.Fatalf("takes: %v", b.files("takes/*/*"))
			}
			said, err := os.ReadFile(wav[0])
			must(t, err)
			if !c.full {
				b.eventually("the compressed take", func() bool { return len(b.files("takes/*/1.flac")) == 1 })
			}
			complete(b)
			got := s.snapshot()
			f := got.replies[0].reply.Files[0]
			if f.Type != c.kind {
				t.Fatalf("it is sent as %s", f.Type)
			}
			sent := got.uploads[f.Upload]
			if !slices.Equal(samples(t, sent, filepath.Ext(map[string]string{"audio/flac": "a.flac", "audio/wav": "a.wav"}[f.Type])), samples(t, said, ".wav")) {
				t.Error("it is another sound")
			}
			if !c.full && len(sent) >= len(said) {
				t.Errorf("%d bytes became %d", len(said), len(sent))
			}
		})
	}
}

func samples(t *testing.T, data []byte, ext string) []int16 {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sound"+ext)
	must(t, os.WriteFile(name, data, 0o600))
	s, err := media.OpenSound(name)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	var all []int16
	p := make([]int16, 4096)
	for {
		n, err := s.Read(p)
		all = append(all, p[:n]...)
		if err != nil {
			return all
		}
	}
}

// What waits in the outbox is a take again as long as no byte of it can have
// been taken for an answer (people.md 2.3, QUEUED).
func TestUnsend(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *box)
		back  bool
	}{
		"it never left": {func(*box) {}, true},
		"it may have left": {func(b *box) {
			items, _, err := b.spool.Items()
			must(b, err)
			must(b, b.spool.MarkPut(items[0].ID))
		}, false},
		"its whisper is gone": {func(b *box) { must(b, os.RemoveAll(filepath.Join(b.dir, "inbox", hopID(1)))) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
			b := start(t, t.TempDir(), s, func(o *Options) { o.Buttons = 2 })
			b.online()
			b.phase(flow.New)
			offline(b)
			b.record()
			b.press(flow.Review)
			b.phase(flow.Queued)
			c.spoil(b)
			b.eventually("an answer", func() bool {
				if len(b.kinds(flow.KindUnsent))+len(b.kinds(flow.KindNotUnsent)) > 0 {
					return true
				}
				b.edge(flow.Second, true)
				b.edge(flow.Second, false)
				return false
			})
			if got := len(b.kinds(flow.KindUnsent)) > 0; got != c.back {
				t.Fatalf("it is back: %t", got)
			}
			if !c.back {
				b.eventually("a word", func() bool { return b.face.said(flow.SayQueuedStatus) })
				if len(b.files("outbox/*/manifest.json")) != 1 {
					t.Error("the reply is gone")
				}
				return
			}
			st := b.phase(flow.Review)
			if st.Take.N != 1 || st.Turn.Hop != hopID(1) || st.Turn.Takes < 1 || len(b.files("outbox/*/manifest.json")) != 0 || len(b.files("takes/*/1.wav")) != 1 {
				t.Errorf("take %+v of %+v; %v", st.Take, st.Turn, b.files("*/*/*"))
			}
			s.do(func() { s.down = false })
			b.online()
			b.press(flow.Review)
			b.phase(flow.Sent)
			if got := s.snapshot(); len(got.replies) != 1 || got.accepted(hopID(1)) != 1 {
				t.Errorf("%d replies", len(got.replies))
			}
		})
	}
}
