package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"illumi/protocol"
)

func TestOpen_OneOwnerAndGuests(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Fatalf("second owner: %v, want ErrInUse", err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "outbox", newPrefix+"x"), 0o700))
	guest := open(t, Options{Dir: dir, Guest: true})
	if _, err := os.Stat(filepath.Join(dir, "outbox", newPrefix+"x")); err != nil {
		t.Error("a guest swept the owner's work")
	}
	voice := filepath.Join(t.TempDir(), "Grüße an Oma.WAV")
	must(t, os.WriteFile(voice, sound(1, 50), 0o600))
	d := draft(guest, 1, 1, false)
	d.Files[0].Path = voice
	it, err := guest.Seal(d)
	must(t, err)
	if list := items(t, s); len(list) != 1 || list[0].ID != it.ID || list[0].Files[0].Name != "audio.wav" {
		t.Errorf("the owner sees %+v", list)
	}
	must(t, s.Close())
	open(t, Options{Dir: dir})
	noOrphans(t, dir)
}

func TestSeal_SameTakeSameItem(t *testing.T) {
	s := open(t, Options{})
	record(t, s, 1, 1, sound(1, 500), sound(2, 300))
	one, err := s.Seal(draft(s, 1, 1, true))
	must(t, err)
	two, err := s.Seal(draft(s, 1, 1, true))
	must(t, err)
	if one.ID != two.ID || len(items(t, s)) != 1 {
		t.Error("the same take became two replies")
	}
	must(t, s.Sent(one.ID, receipt(one)))
	if three, err := s.Seal(draft(s, 1, 1, true)); err != nil || three.ID != one.ID {
		t.Errorf("a sent take was sealed again: %v %v", three.ID, err)
	}
	record(t, s, 1, 2, sound(3, 500), nil)
	if other, err := s.Seal(draft(s, 1, 2, false)); err != nil || other.ID == one.ID || other.Seq <= one.Seq {
		t.Errorf("another take is another reply: %+v %v", other, err)
	}
	// Erasing the take leaves what was sealed.
	must(t, s.EraseTakes(id(1)))
	items(t, s)
}

func TestSeal_RefusesWhatTheServerWould(t *testing.T) {
	s := open(t, Options{})
	record(t, s, 1, 1, sound(1, 500), sound(2, 300))
	empty := filepath.Join(t.TempDir(), "e.wav")
	must(t, os.WriteFile(empty, nil, 0o600))
	for name, change := range map[string]func(*Draft){
		"no hop":       func(d *Draft) { d.Hop = "../../x" },
		"no recording": func(d *Draft) { d.Files = d.Files[1:] },
		"no such file": func(d *Draft) { d.Files[0].Path = "/nonexistent" },
		"empty file":   func(d *Draft) { d.Files[0].Path = empty },
		"two voices":   func(d *Draft) { d.Files[1].Role = protocol.RoleAudio },
		"no files":     func(d *Draft) { d.Files = nil },
	} {
		d := draft(s, 1, 1, true)
		change(&d)
		if _, err := s.Seal(d); err == nil {
			t.Errorf("%s was sealed", name)
		}
	}
	noOrphans(t, s.o.Dir)
	if n := len(items(t, s)); n != 0 {
		t.Errorf("%d items", n)
	}
}

func TestItems_DamagedIsSetAsideNeverDeleted(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"missing recording": func(dir string) error { return os.Remove(dir + "/audio.wav") },
		"short recording":   func(dir string) error { return os.Truncate(dir+"/audio.wav", 5) },
		"missing manifest":  func(dir string) error { return os.Remove(dir + "/manifest.json") },
		"empty manifest":    func(dir string) error { return os.Truncate(dir+"/manifest.json", 0) },
		"a flipped bit": func(dir string) error {
			b, err := os.ReadFile(dir + "/manifest.json")
			if err != nil {
				return err
			}
			b[40] ^= 1
			return os.WriteFile(dir+"/manifest.json", b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			record(t, s, 1, 1, sound(1, 500), nil)
			record(t, s, 2, 1, sound(2, 500), nil)
			bad, err := s.Seal(draft(s, 1, 1, false))
			must(t, err)
			good, err := s.Seal(draft(s, 2, 1, false))
			must(t, err)
			must(t, harm(s.abs("outbox/"+bad.ID)))
			list, damaged, err := s.Items()
			must(t, err)
			if len(list) != 1 || list[0].ID != good.ID || len(damaged) != 1 || damaged[0].ID != bad.ID {
				t.Fatalf("items %+v, damaged %+v", list, damaged)
			}
			if all, err := s.DamagedItems(); err != nil || len(all) != 1 || all[0].Reason == "" {
				t.Errorf("set aside: %+v %v", all, err)
			}
			if _, damaged, err = s.Items(); err != nil || len(damaged) != 0 {
				t.Errorf("reported twice: %v %v", damaged, err)
			}
		})
	}
}

func TestVerify_FindsAFlippedBit(t *testing.T) {
	s := open(t, Options{})
	record(t, s, 1, 1, sound(1, 500), nil)
	it, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	must(t, os.WriteFile(s.abs("outbox/"+it.ID+"/audio.wav"), sound(7, 500), 0o600))
	if err := s.Verify(it); !errors.Is(err, ErrDamaged) {
		t.Fatalf("error %v, want ErrDamaged", err)
	}
	_, err = s.Quarantine(it, "a bit flipped")
	must(t, err)
	sameFile(t, s.abs("outbox-damaged/"+it.ID+"/audio.wav"), sound(7, 500))
	if err := s.Verify(it); !errors.Is(err, ErrUnknown) {
		t.Errorf("an item that is gone: %v", err)
	}
}

func TestUnseal_NotOnceTheServerMayKnow(t *testing.T) {
	s := open(t, Options{})
	record(t, s, 1, 1, sound(1, 500), sound(2, 90))
	it, err := s.Seal(draft(s, 1, 1, true))
	must(t, err)
	must(t, s.EraseTakes(id(1)))
	must(t, s.SaveUploads(it.ID, map[string]Upload{it.Files[0].SHA256: {ID: "u-1"}}))
	must(t, s.MarkPut(it.ID))
	if err := s.Unseal(it.ID); !errors.Is(err, ErrMaybeSent) {
		t.Fatalf("error %v, want ErrMaybeSent", err)
	}
	must(t, s.Sent(it.ID, receipt(it)))
	if err := s.Unseal(it.ID); !errors.Is(err, ErrMaybeSent) {
		t.Fatalf("a sent one: %v, want ErrMaybeSent", err)
	}
	must(t, s.Recall(it.ID))
	sameFile(t, s.abs("takes/"+id(1)+"/1.wav"), sound(1, 500))
	sameFile(t, s.abs("takes/"+id(1)+"/1.jpg"), sound(2, 90))
	if sent, err := s.SentItems(); err != nil || len(sent) != 0 {
		t.Errorf("still sent: %v %v", sent, err)
	}
	again, err := s.Seal(draft(s, 1, 1, true))
	must(t, err)
	if again.ID == it.ID {
		t.Error("a reply that was taken back kept its id")
	}
}

func TestTakes_PartialIsOfferedAndExpires(t *testing.T) {
	s := open(t, Options{})
	f, err := s.CreateTake(id(1), 2)
	must(t, err)
	_, err = f.Write(sound(1, 700))
	must(t, err)
	must(t, f.Close())
	record(t, s, 1, 1, sound(1, 500), sound(2, 90))
	takes, err := s.Takes()
	must(t, err)
	if len(takes) != 2 || takes[0].Partial || takes[0].Photo == "" || !takes[1].Partial || takes[1].Size != 700 {
		t.Fatalf("takes %+v", takes)
	}
	if _, err := s.CreateTake(id(1), 1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a kept take was opened again: %v", err)
	}
	for _, bad := range []string{"", "..", "../" + id(1)} {
		if _, err := s.CreateTake(bad, 1); err == nil {
			t.Errorf("took the hop %q", bad)
		}
	}
	must(t, s.DateTake(id(1), 1, noon))
	if takes, err = s.Takes(); err != nil || len(takes) != 2 || !takes[0].Made.Equal(noon) || !takes[1].Made.IsZero() {
		t.Errorf("dated takes %+v %v", takes, err)
	}
	if err := s.DateTake(id(7), 1, noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("dated what is not there: %v", err)
	}
	must(t, s.EraseTake(id(1), 1))
	must(t, s.EraseTake(id(1), 2))
	if takes, err := s.Takes(); err != nil || len(takes) != 0 {
		t.Errorf("left %+v %v", takes, err)
	}
}

func TestInbox_EpochsAndOrder(t *testing.T) {
	s := open(t, Options{})
	a := describe(protocol.RoleAudio, sound(1, 100))
	for _, n := range []int{3, 1, 2} {
		_, err := s.Reserve(offer(n, 2, a))
		must(t, err)
	}
	if _, err := s.Reserve(offer(1, 1, a)); !errors.Is(err, ErrStale) {
		t.Errorf("an older epoch: %v, want ErrStale", err)
	}
	if _, known, err := s.CloseOffer(id(1), 1, protocol.OfferWithdrawn); err != nil || known {
		t.Errorf("withdrawal of an older epoch counted: %v %v", known, err)
	}
	if _, known, err := s.CloseOffer(id(9), 1, protocol.OfferWithdrawn); err != nil || known {
		t.Errorf("an unknown hop: %v %v", known, err)
	}
	list, err := s.Inbox()
	must(t, err)
	for i, e := range list {
		if e.Offer.Hop != id(i+1) || e.Ready {
			t.Errorf("place %d: %+v", i, e)
		}
	}
	if _, err := s.Complete(id(1), 2); err == nil {
		t.Error("completed without its file")
	}
	must(t, fetch(s, id(1), a, sound(1, 100)))
	e, err := s.Complete(id(1), 2)
	must(t, err)
	sameFile(t, e.Path(a), sound(1, 100))
	must(t, os.WriteFile(e.Path(a), sound(2, 100), 0o600))
	if err := s.Recheck(id(1)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a flipped bit: %v, want ErrDamaged", err)
	}
	if e, err := s.Entry(id(1)); err != nil || e.Ready {
		t.Errorf("still ready: %v", err)
	}
	if _, known, err := s.CloseOffer(id(1), 2, protocol.OfferWithdrawn); err != nil || !known {
		t.Errorf("withdrawal: %v %v", known, err)
	}
	if _, err := s.Complete(id(1), 2); !errors.Is(err, ErrStale) {
		t.Errorf("completed after its withdrawal: %v", err)
	}
	must(t, s.Forget(id(1)))
	must(t, s.Forget(id(1)))
	if _, err := s.Entry(id(1)); !errors.Is(err, ErrUnknown) {
		t.Errorf("not forgotten: %v", err)
	}
}

func TestInbox_LostOfferMeansAskingFromTheStart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	_, err := s.Reserve(offer(1, 1, describe(protocol.RoleAudio, sound(1, 100))))
	must(t, err)
	must(t, s.SaveCursor("server-a", "41"))
	if c, err := s.Cursor("server-a"); err != nil || c != "41" {
		t.Errorf("cursor %q %v", c, err)
	}
	if c, err := s.Cursor("server-b"); err != nil || c != "" {
		t.Errorf("another server's cursor %q %v", c, err)
	}
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "inbox", id(1), "offer.json"), []byte("{"), 0o600))
	s = open(t, Options{Dir: dir})
	if c, err := s.Cursor("server-a"); err != nil || c != "" {
		t.Errorf("cursor %q %v after an offer was lost", c, err)
	}
	if list, err := s.Inbox(); err != nil || len(list) != 0 {
		t.Errorf("inbox %v %v", list, err)
	}
}

func TestPart_ResumesAndRefuses(t *testing.T) {
	s := open(t, Options{})
	data := sound(1, 1000)
	f := describe(protocol.RoleAudio, data)
	_, err := s.Reserve(offer(1, 1, f))
	must(t, err)
	p, err := s.OpenPart(tctx, id(1), f)
	must(t, err)
	_, err = p.Write(data[:400])
	must(t, err)
	must(t, p.Close())
	p, err = s.OpenPart(tctx, id(1), f)
	must(t, err)
	if p.Size() != 400 {
		t.Fatalf("%d bytes, want 400", p.Size())
	}
	if _, err := p.Write(data[:601]); err == nil {
		t.Error("took more bytes than announced")
	}
	_, err = p.Write(data[:600]) // the wrong ones
	must(t, err)
	if err := p.Commit(); !errors.Is(err, ErrDamaged) {
		t.Fatalf("error %v, want ErrDamaged", err)
	}
	must(t, fetch(s, id(1), f, data))
	if list, err := s.Missing(id(1)); err != nil || len(list) != 0 {
		t.Errorf("missing %v %v", list, err)
	}
}

func TestNotes_RepeatedUntilAcked(t *testing.T) {
	s := open(t, Options{})
	note := func(kind protocol.MessageType, hop, epoch, take int) protocol.Message {
		t.Helper()
		m, err := s.Note(kind, protocol.Progress{Hop: id(hop), Epoch: epoch, Take: take, At: noon})
		must(t, err)
		return m
	}
	delivered := note(protocol.TypeDelivered, 1, 1, 0)
	heard := note(protocol.TypeHeard, 1, 1, 0)
	if again := note(protocol.TypeHeard, 1, 1, 0); again.ID != heard.ID {
		t.Error("the same event became another message")
	}
	note(protocol.TypeRecording, 1, 1, 1)
	note(protocol.TypeRecording, 1, 1, 2)
	must(t, s.Played(id(1), 1))
	must(t, s.Played(id(1), 1))
	list, err := s.Pending()
	must(t, err)
	if len(list) != 4 || list[0].ID != delivered.ID || list[1].ID != heard.ID {
		t.Fatalf("pending %+v", list)
	}
	must(t, s.Acked(protocol.Ack{ID: heard.ID}))
	must(t, s.Acked(protocol.Ack{ID: delivered.ID, Code: protocol.CodeHopUnknown}))
	must(t, s.Acked(protocol.Ack{ID: "something else"}))
	if list, err = s.Pending(); err != nil || len(list) != 2 {
		t.Errorf("pending %+v %v", list, err)
	}
	if m, err := s.Marks(id(1)); err != nil || m.HeardAt == nil || !m.HeardAt.Equal(noon) || m.Plays != 2 {
		t.Errorf("marks %+v %v", m, err)
	}
	note(protocol.TypeDelivered, 1, 2, 0)
	if list, err = s.Pending(); err != nil || len(list) != 1 {
		t.Errorf("a new epoch leaves %+v %v", list, err)
	}
	if _, err := s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(1), Epoch: 1, At: noon}); !errors.Is(err, ErrStale) {
		t.Errorf("an older epoch: %v", err)
	}
}

func TestJournal(t *testing.T) {
	s := open(t, Options{})
	var v map[string]int
	if found, err := s.Load("flow", &v); err != nil || found {
		t.Errorf("nothing saved: %v %v", found, err)
	}
	must(t, s.Save("flow", map[string]int{"a": 1}))
	if found, err := s.Load("flow", &v); err != nil || !found || v["a"] != 1 {
		t.Errorf("%v %v %v", v, found, err)
	}
	for _, bad := range []string{"", "../x", "a/b", "A", strings.Repeat("a", 65)} {
		if s.Save(bad, 1) == nil || s.Delete(bad) == nil {
			t.Errorf("took the key %q", bad)
		}
	}
	must(t, os.WriteFile(s.abs("journal/flow.json"), []byte(`{"a":`), 0o600))
	if _, err := s.Load("flow", &v); !errors.Is(err, ErrDamaged) {
		t.Errorf("a torn file: %v, want ErrDamaged", err)
	}
	if found, err := s.Load("flow", &v); err != nil || found {
		t.Errorf("told twice: %v %v", found, err)
	}
	sameFile(t, s.abs("journal/flow.damaged"), []byte(`{"a":`))
	must(t, s.Save("flow", 1))
	must(t, s.Delete("flow"))
	must(t, s.Delete("flow"))
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, Options{})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			if n == 0 {
				for range 20 {
					if _, _, err := s.Items(); err != nil {
						t.Error(err)
					}
					if _, err := s.Takes(); err != nil {
						t.Error(err)
					}
				}
				return
			}
			record(t, s, n, 1, sound(n, 400), nil)
			for range 2 {
				it, err := s.Seal(draft(s, n, 1, false))
				if err != nil {
					t.Error(err)
					return
				}
				if n%2 == 0 {
					if err := s.Sent(it.ID, receipt(it)); err != nil {
						t.Error(err)
					}
				}
			}
			if err := errors.Join(s.Save("flow", n), s.Save(fmt.Sprint("k", n), n)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seqs := map[int64]bool{}
	for _, it := range items(t, s) {
		if seqs[it.Seq] {
			t.Errorf("two items have the number %d", it.Seq)
		}
		seqs[it.Seq] = true
	}
	sent, err := s.SentItems()
	must(t, err)
	if len(seqs) != 4 || len(sent) != 3 {
		t.Errorf("%d open and %d sent, want 4 and 3", len(seqs), len(sent))
	}
}

func TestForgetUpTo_LeavesTheLaterOffer(t *testing.T) {
	s := open(t, Options{})
	voice := describe(protocol.RoleAudio, sound(1, 100))
	for _, c := range []struct {
		offered, forget int
		stays           bool
	}{{2, 1, true}, {2, 2, false}, {2, 3, false}} {
		_, err := s.Reserve(offer(1, c.offered, voice))
		must(t, err)
		must(t, s.ForgetUpTo(id(1), c.forget))
		if _, err := s.Entry(id(1)); (err == nil) != c.stays {
			t.Errorf("epoch %d offered, forgotten up to %d: %v", c.offered, c.forget, err)
		}
	}
	must(t, s.ForgetUpTo(id(1), 9)) // gone already
}
