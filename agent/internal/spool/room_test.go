package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"illumi/protocol"
)

func TestMakeRoom_AcknowledgedFirstUnsentNever(t *testing.T) {
	free := int64(0)
	o := Options{Dir: t.TempDir(), Reserve: 100, Free: func(string) (int64, error) { return free, nil },
		Fault: func(op Op, _ string) error {
			if op == OpRemove {
				free += 40
			}
			return nil
		}}
	s := open(t, o)
	for n := 1; n <= 4; n++ {
		record(t, s, n, 1, sound(n, 100), nil)
		it, err := s.Seal(draft(s, n, 1, false))
		must(t, err)
		if n <= 3 {
			must(t, s.Sent(it.ID, receipt(it)))
		}
	}
	free = 0
	low, err := s.MakeRoom()
	must(t, err)
	sent, err := s.SentItems()
	must(t, err)
	if low || len(sent) != 0 || free < 100 {
		t.Errorf("low %v, %d sent left, %d free", low, len(sent), free)
	}
	if n := len(s.sentAt); n != 0 {
		t.Errorf("%d replies that are gone are kept in mind", n)
	}
	free = -10_000
	if low, err = s.MakeRoom(); err != nil || !low {
		t.Errorf("low %v %v: nothing more may be erased", low, err)
	}
	if n := len(items(t, s)); n != 1 {
		t.Errorf("%d unsent replies left of 1", n)
	}
	if takes, err := s.Takes(); err != nil || len(takes) != 4 {
		t.Errorf("%d takes left of 4: %v", len(takes), err)
	}
}

func TestMakeRoom_StopsWhenThereIsRoom(t *testing.T) {
	s := open(t, Options{Reserve: 1, Free: func(string) (int64, error) { return 1, nil }})
	record(t, s, 1, 1, sound(1, 100), nil)
	it, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	must(t, s.Sent(it.ID, receipt(it)))
	if low, err := s.MakeRoom(); err != nil || low {
		t.Errorf("low %v %v", low, err)
	}
	if sent, err := s.SentItems(); err != nil || len(sent) != 1 {
		t.Errorf("erased without need: %v %v", sent, err)
	}
}

func TestFree_AsksTheKernel(t *testing.T) {
	s := open(t, Options{})
	if n, err := s.Free(); err != nil || n <= 0 {
		t.Errorf("%d bytes free: %v", n, err)
	}
}

func TestExpire_KeepsTheLastFewForAWeek(t *testing.T) {
	s := open(t, Options{KeepSent: 2})
	for n := 1; n <= 4; n++ {
		record(t, s, n, 1, sound(n, 100), nil)
		it, err := s.Seal(draft(s, n, 1, false))
		must(t, err)
		must(t, s.Sent(it.ID, receipt(it)))
		_, err = s.Note(protocol.TypeHeard, protocol.Progress{Hop: id(n), Epoch: 1, At: noon})
		must(t, err)
	}
	must(t, s.Expire(noon.Add(-365*24*time.Hour))) // a clock that was never set erases by count only
	sent, err := s.SentItems()
	must(t, err)
	if len(sent) != 2 || sent[0].Hop != id(3) || sent[1].Hop != id(4) {
		t.Fatalf("left %+v", sent)
	}
	if list, err := s.Pending(); err != nil || len(list) != 4 {
		t.Errorf("%d messages left: %v", len(list), err)
	}
	must(t, s.Expire(noon.Add(8*24*time.Hour)))
	if sent, err = s.SentItems(); err != nil || len(sent) != 0 {
		t.Errorf("after a week: %+v %v", sent, err)
	}
	if list, err := s.Pending(); err != nil || len(list) != 0 {
		t.Errorf("after a week: %+v %v", list, err)
	}
}

func TestWipe_LeavesUnsentReplies(t *testing.T) {
	s := open(t, Options{})
	_, err := s.Reserve(offer(1, 1, describe(protocol.RoleAudio, sound(1, 100))))
	must(t, err)
	record(t, s, 1, 1, sound(1, 100), nil)
	_, err = s.Seal(draft(s, 1, 1, false))
	must(t, err)
	must(t, s.Wipe())
	takes, err1 := s.Takes()
	inbox, err2 := s.Inbox()
	must(t, errors.Join(err1, err2))
	if len(takes) != 0 || len(inbox) != 0 || len(items(t, s)) != 1 {
		t.Errorf("left %v %v", takes, inbox)
	}
}

// What was under way when the study ended leaves nothing behind it.
func TestWipe_LetsNothingComeAfterIt(t *testing.T) {
	s := open(t, Options{})
	o := offer(1, 1, describe(protocol.RoleAudio, sound(1, 100)))
	_, err := s.Reserve(o)
	must(t, err)
	part, err := s.OpenPart(t.Context(), o.Hop, o.Files[0])
	must(t, err)
	record(t, s, 2, 1, sound(2, 100), nil)
	it, err := s.Seal(draft(s, 2, 1, false))
	must(t, err)
	must(t, s.Wipe())
	if _, err := s.Reserve(o); !errors.Is(err, ErrOver) {
		t.Errorf("an offer after the end: %v", err)
	}
	_, err = part.Write(sound(1, 100))
	must(t, err)
	if part.Commit() == nil {
		t.Error("a download is kept after the end")
	}
	if err := part.Close(); err != nil {
		t.Error(err)
	}
	if again, err := s.OpenPart(t.Context(), o.Hop, o.Files[0]); !errors.Is(err, ErrUnknown) {
		t.Errorf("a download begins after the end: %v %v", again, err)
	}
	if _, err := s.CreatePhoto(id(2), 1); !errors.Is(err, ErrOver) {
		t.Errorf("a photo after the end: %v", err)
	}
	must(t, s.Sent(it.ID, receipt(it)))
	for _, folder := range []string{"inbox", "takes", "outbox", "sent"} {
		left, err := os.ReadDir(filepath.Join(s.o.Dir, folder))
		must(t, err)
		for _, e := range left {
			if e.Name() != filepath.Base(cursorName) {
				t.Errorf("left in %s: %s", folder, e.Name())
			}
		}
	}
}

func TestWatch_SeesASealByTheDirectory(t *testing.T) {
	s := open(t, Options{Rescan: time.Hour})
	record(t, s, 1, 1, sound(1, 100), nil)
	record(t, s, 2, 1, sound(2, 100), nil)
	first, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, ended := make(chan Item), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, out, func(Damaged) {}) }()
	if it := <-out; it.ID != first.ID {
		t.Errorf("first %s, want what was there", it.ID)
	}
	second, err := s.Seal(draft(s, 2, 1, false))
	must(t, err)
	select {
	case it := <-out:
		if it.ID != second.ID {
			t.Errorf("then %s, want the new one", it.ID)
		}
	case <-ctx.Done():
		t.Error("the directory said nothing")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWatch_RescansByItselfAndOnOverflow(t *testing.T) {
	s := open(t, Options{})
	record(t, s, 1, 1, sound(1, 100), nil)
	record(t, s, 2, 1, sound(2, 100), nil)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		out, errs, ended := make(chan Item, 10), make(chan error), make(chan error, 1)
		go func() { ended <- s.watch(ctx, nil, errs, out, func(Damaged) {}) }()
		synctest.Wait()
		start := time.Now()
		_, err := s.Seal(draft(s, 1, 1, false))
		must(t, err)
		<-out
		if took := time.Since(start); took < time.Minute/2 || took > 3*time.Minute/2 {
			t.Errorf("found after %v, want the rescan of each minute", took)
		}
		_, err = s.Seal(draft(s, 2, 1, false))
		must(t, err)
		errs <- fsnotify.ErrEventOverflow
		start = time.Now()
		<-out
		if took := time.Since(start); took != 0 {
			t.Errorf("found %v after the overflow", took)
		}
		time.Sleep(5 * time.Minute)
		if len(out) != 0 {
			t.Error("the same reply was sent twice")
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	it := Item{ID: id(1), Seq: 1, Hop: id(2), Whisper: id(3), Epoch: 1, Take: 1, Facts: protocol.Facts{SavedAt: noon},
		Files: []ItemFile{{File: describe(protocol.RoleAudio, []byte("x")), Name: "audio.wav"}}}
	good, err := encodeManifest(it)
	must(f, err)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := decodeManifest(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v, want ErrDamaged", err)
			}
			return
		}
		out, err := encodeManifest(it)
		must(t, err)
		if again, err := decodeManifest(out); err != nil || again.ID != it.ID || again.Hop != it.Hop {
			t.Fatalf("not stable: %v", err)
		}
	})
}
