package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
)

// sentOne seals a reply to hop 1 and keeps its receipt.
func sentOne(t *testing.T, s *Spool) Item {
	t.Helper()
	record(t, s, 1, 1, sound(1, 3000), sound(2, 2000))
	it, err := s.Seal(draft(s, 1, 1, true))
	must(t, err)
	must(t, s.EraseTakes(id(1)))
	must(t, s.SaveUploads(it.ID, map[string]Upload{it.Files[0].SHA256: {ID: "u", Done: true}}))
	must(t, s.MarkPut(it.ID))
	must(t, s.Sent(it.ID, receipt(it)))
	return it
}

func TestSendAgain(t *testing.T) {
	for _, c := range []struct {
		name        string
		prepare     func(t *testing.T, s *Spool, it Item)
		hop, epoch  int
		before      bool // the list was asked for before the receipt was kept
		have, again bool
	}{
		{"lost by the server", nil, 1, 1, false, true, true},
		{"the list is older than the receipt", nil, 1, 1, true, true, false},
		{"offered anew", nil, 1, 2, false, false, false},
		{"another hop", nil, 2, 1, false, false, false},
		{"taken back", func(t *testing.T, s *Spool, it Item) { must(t, s.Recall(it.ID)) }, 1, 1, false, false, false},
		{"waits in the outbox", func(t *testing.T, s *Spool, it Item) {
			_, _, again, err := s.SendAgain(it.Hop, it.Epoch, time.Now())
			if must(t, err); !again {
				t.Error("nothing was moved")
			}
		}, 1, 1, false, true, false},
		{"known again, and asked for all the same", func(t *testing.T, s *Spool, it Item) {
			_, _, _, err := s.SendAgain(it.Hop, it.Epoch, time.Now())
			must(t, err)
			must(t, s.Sent(it.ID, receipt(it)))
		}, 1, 1, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, Options{})
			asked := time.Now()
			it := sentOne(t, s)
			if c.prepare != nil {
				c.prepare(t, s, it)
			}
			if !c.before {
				asked = time.Now()
			}
			_, have, again, err := s.SendAgain(id(c.hop), c.epoch, asked)
			if must(t, err); have != c.have || again != c.again {
				t.Fatalf("have %t, again %t", have, again)
			}
			if !again {
				return
			}
			list := items(t, s)
			if len(list) != 1 || list[0].ID != it.ID || !list[0].Quiet {
				t.Fatalf("the outbox holds %+v", list)
			}
			if u, err := s.Uploads(it.ID); err != nil || !u[it.Files[0].SHA256].Done || !s.WasPut(it.ID) {
				t.Errorf("uploads %v, %v", u, err)
			}
			if err := s.Unseal(it.ID); !errors.Is(err, ErrMaybeSent) {
				t.Errorf("unseal: %v", err)
			}
			if n, err := s.LastTake(id(1), 1); err != nil || n != 1 {
				t.Errorf("last take %d, %v", n, err)
			}
		})
	}
}

// At whatever step it is cut, the reply is in one place, and goes out again.
func TestSendAgain_Cuts(t *testing.T) {
	sc := scenario{"again", func(t *testing.T, s *Spool) { sentOne(t, s) },
		func(s *Spool) error {
			_, have, _, err := s.SendAgain(id(1), 1, time.Now())
			if err == nil && !have {
				err = errors.New("the reply is gone")
			}
			return err
		},
		func(t *testing.T, s *Spool, done bool) {
			sent, err := s.SentItems()
			must(t, err)
			open := items(t, s)
			if len(open)+len(sent) != 1 || done && (len(open) != 1 || !open[0].Quiet) {
				t.Errorf("%d in the outbox, %d in sent, done %v", len(open), len(sent), done)
			}
			for _, it := range sent {
				if it.Receipt.Reply != it.ID {
					t.Error("no receipt, and not in the outbox")
				}
			}
		}}
	for _, mode := range []string{"one step fails", "killed", "power cut"} {
		t.Run(mode, func(t *testing.T) {
			at := 0
			for ; cutAt(t, sc, mode, at); at++ {
				if t.Failed() {
					t.Fatalf("at step %d", at)
				}
			}
			if at < 5 {
				t.Errorf("only %d steps", at)
			}
		})
	}
}

// A reply on its way back is no longer at the server: nothing erases it.
func TestSendAgain_HalfWayIsNotErased(t *testing.T) {
	s := open(t, Options{KeepSent: 1, Reserve: 1 << 60})
	it := sentOne(t, s)
	s.disk.fault = func(op Op, name string) error {
		if op == OpRename && strings.HasPrefix(name, "sent/"+it.ID+" ") {
			return errCut
		}
		return nil
	}
	if _, _, _, err := s.SendAgain(it.Hop, it.Epoch, time.Now()); !errors.Is(err, errCut) {
		t.Fatalf("error %v", err)
	}
	must(t, s.Expire(noon.Add(1000*time.Hour)))
	_, err := s.MakeRoom()
	must(t, err)
	s.disk.fault = nil
	if _, have, again, err := s.SendAgain(it.Hop, it.Epoch, time.Now()); err != nil || !have || !again {
		t.Errorf("have %t, again %t, %v", have, again, err)
	}
	_ = items(t, s)
}

func TestSendAgain_IsSeenByTheWatcher(t *testing.T) {
	s := open(t, Options{})
	it := sentOne(t, s)
	_, _, _, err := s.SendAgain(it.Hop, it.Epoch, time.Now())
	must(t, err)
	seen := map[string]bool{it.ID: true} // from before it was sent
	out := make(chan Item, 1)
	must(t, s.scan(context.Background(), seen, out, func(Damaged) {}))
	if len(out) != 1 {
		t.Error("the watcher passed it over")
	}
}

func TestQuieten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	record(t, s, 1, 1, sound(1, 3000), nil)
	it, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	if items(t, s)[0].Quiet {
		t.Error("quiet from the start")
	}
	must(t, s.Quieten(it.ID, "hop_unknown"))
	must(t, s.Close())
	s = open(t, Options{Dir: dir})
	if !items(t, s)[0].Quiet {
		t.Error("forgotten")
	}
	if err := s.Quieten(id(7), "x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v", err)
	}
}

// A copy made while a reply moved, or a repaired file system, may hold it twice.
func TestSent_WhereverItsReceiptLies(t *testing.T) {
	for _, c := range []struct {
		name    string
		receipt string // the place that has the whole receipt
		sent    bool
	}{{"in sent", "sent", true}, {"in the outbox", "outbox", true}, {"nowhere", "", false}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			it := sentOne(t, s)
			must(t, s.Close())
			must(t, os.CopyFS(filepath.Join(dir, "outbox", it.ID), os.DirFS(filepath.Join(dir, "sent", it.ID))))
			for _, place := range []string{"sent", "outbox"} {
				if place != c.receipt {
					must(t, os.Remove(filepath.Join(dir, place, it.ID, receiptName)))
				}
			}
			s = open(t, Options{Dir: dir})
			list := items(t, s)
			if c.sent == (len(list) > 0) {
				t.Fatalf("%d in the outbox", len(list))
			}
			if !c.sent {
				must(t, s.Sent(it.ID, receipt(it))) // what lies at its place is in nobody's way
			}
			sent, err := s.SentItems()
			if must(t, err); len(sent) != 1 || sent[0].Receipt.State != protocol.ReplyAccepted || len(items(t, s)) != 0 {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}
