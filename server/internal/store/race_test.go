package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// workers lets n goroutines try m times each and counts the successes.
func workers(t *testing.T, n, m int, try func(worker, i int) bool) int {
	t.Helper()
	var wg sync.WaitGroup
	var wins atomic.Int64
	for worker := range n {
		wg.Go(func() {
			for i := range m {
				if try(worker, i) {
					wins.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(wins.Load())
}

// persist is Tx for a caller that never gives up, as the workers of a busy
// server together would.
func persist(ctx context.Context, s *Store, fn func(*Tx) error) error {
	for {
		err := s.Tx(ctx, fn)
		if !errors.Is(err, ErrConflict) && !busy(err) {
			return err
		}
	}
}

func TestClaimsAreExact(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d := newDevice("box")
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, d) })
		var mu sync.Mutex
		seqs := map[int64]bool{}
		// Claim, and release what was claimed: never two at once, no number twice.
		var holders atomic.Int32
		wins := workers(t, 16, 50, func(worker, i int) bool {
			hop := fmt.Sprintf("%d-%d", worker, i)
			var seq int64
			var ok bool
			must(t, s, func(tx *Tx) (err error) { seq, ok, err = tx.ClaimDevice(ctx, d.ID, hop); return err })
			if !ok {
				return false
			}
			if holders.Add(1) != 1 {
				t.Error("two hold one device")
			}
			mu.Lock()
			if seqs[seq] {
				t.Errorf("number %d twice", seq)
			}
			seqs[seq] = true
			mu.Unlock()
			holders.Add(-1)
			must(t, s, func(tx *Tx) (err error) {
				if _, ok, err = tx.ReleaseDevice(ctx, d.ID, hop); !ok {
					t.Error("could not release what was claimed")
				}
				return err
			})
			return true
		})
		got := view(t, s, func(tx *Tx) (model.Device, error) { return tx.Device(ctx, d.ID) })
		if wins == 0 || got.OfferSeq != int64(2*wins) || got.ActiveHop != "" {
			t.Errorf("%d wins, offer number %d, active %q", wins, got.OfferSeq, got.ActiveHop)
		}
	})
}

func TestOneOfManyWins(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d := newDevice("box")
		code := model.EnrolCode{ID: NewID(), Hash: "h", ExpiresAt: noon.Add(time.Hour)}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.CreateDevice(ctx, d), tx.CreateCode(ctx, code), tx.SetSetupToken(ctx, "token", noon))
		})
		for name, call := range map[string]func(*Tx) (bool, error){
			"claim a device": func(tx *Tx) (bool, error) { _, ok, err := tx.ClaimDevice(ctx, d.ID, NewID()); return ok, err },
			"use a code":     func(tx *Tx) (bool, error) { return tx.UseCode(ctx, code.ID, NewID(), noon) },
			"use the token":  func(tx *Tx) (bool, error) { return tx.UseSetupToken(ctx, "token") },
		} {
			wins := workers(t, 16, 5, func(int, int) bool {
				var ok bool
				must(t, s, func(tx *Tx) (err error) { ok, err = call(tx); return err })
				return ok
			})
			if wins != 1 {
				t.Errorf("%s: %d won", name, wins)
			}
		}
	})
}

func TestVersionsLoseNothing(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "box")
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		wins := workers(t, 8, 25, func(int, int) bool {
			err := persist(ctx, s, func(tx *Tx) error {
				w, err := tx.Whisper(ctx, w.ID)
				if err != nil {
					return err
				}
				w.Hops[0].Epoch++
				return tx.SaveWhisper(ctx, &w)
			})
			if err != nil {
				t.Error(err)
			}
			return err == nil
		})
		got := view(t, s, func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) })
		if wins != 200 || got.Hops[0].Epoch != 200 || got.Version != 201 {
			t.Errorf("%d wins, epoch %d, version %d", wins, got.Hops[0].Epoch, got.Version)
		}
	})
}

func TestOneAcceptedReply(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		w := newWhisper(newProject(t, s).ID, "box")
		must(t, s, func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		wins := workers(t, 16, 5, func(int, int) bool {
			r := model.Reply{ID: NewID(), HopID: w.Hops[0].ID, WhisperID: w.ID, State: protocol.ReplyAccepted, ReceivedAt: noon}
			err := s.Tx(ctx, func(tx *Tx) error { return tx.AddReply(ctx, r) })
			if err != nil && ExistsKey(err) != KeyAcceptedHop {
				t.Error(err)
			}
			return err == nil
		})
		if wins != 1 {
			t.Errorf("%d accepted replies for one hop", wins)
		}
	})
}

// A box is freed while another server makes a hop ready for it: one of the two
// has to see the other, or the hop waits for ever.
func TestNoReadyHopIsMissed(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		project := newProject(t, s).ID
		for round := range 30 {
			d := newDevice(fmt.Sprint("box ", round))
			busyHop, w := NewID(), newWhisper(project, d.ID)
			must(t, s, func(tx *Tx) error {
				err := errors.Join(tx.CreateDevice(ctx, d), tx.CreateWhisper(ctx, w))
				if err == nil {
					_, _, err = tx.ClaimDevice(ctx, d.ID, busyHop)
				}
				return err
			})
			var served atomic.Int32
			var wg sync.WaitGroup
			wg.Go(func() { // makes the hop ready and wants the box
				var ok bool
				err := persist(ctx, s, func(tx *Tx) error {
					w, err := tx.Whisper(ctx, w.ID)
					if err != nil {
						return err
					}
					w.Hops[0].ReadyAt = noon
					if err := tx.SaveWhisper(ctx, &w); err != nil {
						return err
					}
					_, ok, err = tx.ClaimDevice(ctx, d.ID, w.Hops[0].ID)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if ok {
					served.Add(1)
				}
			})
			wg.Go(func() { // frees the box and looks for what waits
				var ok bool
				err := persist(ctx, s, func(tx *Tx) error {
					if _, _, err := tx.ReleaseDevice(ctx, d.ID, busyHop); err != nil {
						return err
					}
					var hop string
					var err error
					if hop, _, ok, err = tx.NextReadyHop(ctx, d.ID, noon.Add(time.Hour)); err == nil && ok {
						_, ok, err = tx.ClaimDevice(ctx, d.ID, hop)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if ok {
					served.Add(1)
				}
			})
			wg.Wait()
			if served.Load() != 1 {
				t.Fatalf("round %d: the hop was served %d times", round, served.Load())
			}
		}
	})
}

// The same, in the one order that could miss it: the box is still taken when the
// hop wants it, and is freed before the hop's readiness is committed.
func TestReadyHopIsSeenByWhoFreesTheBox(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d, busyHop := newDevice("box"), NewID()
		w := newWhisper(newProject(t, s).ID, d.ID)
		must(t, s, func(tx *Tx) error {
			err := errors.Join(tx.CreateDevice(ctx, d), tx.CreateWhisper(ctx, w))
			if err == nil {
				_, _, err = tx.ClaimDevice(ctx, d.ID, busyHop)
			}
			return err
		})
		freed := make(chan bool, 1) // whether the one who freed the box found the hop
		free := func() {
			var found bool
			must(t, s, func(tx *Tx) error {
				if _, err := tx.Device(ctx, d.ID); err != nil { // what it reads first must not blind it
					return err
				}
				if _, _, err := tx.ReleaseDevice(ctx, d.ID, busyHop); err != nil {
					return err
				}
				var err error
				_, _, found, err = tx.NextReadyHop(ctx, d.ID, noon.Add(time.Hour))
				return err
			})
			freed <- found
		}
		waiting := func() bool { // the one who frees waits for us
			if s.d.read != s.d.write {
				return s.d.write.Stats().WaitCount > 0
			}
			var name string
			var n int
			if err := s.d.write.QueryRow("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").Scan(&name, &n); err != nil {
				t.Error(err)
			}
			return n > 0
		}
		must(t, s, func(tx *Tx) error {
			w.Hops[0].ReadyAt = noon
			if err := tx.SaveWhisper(ctx, w); err != nil {
				return err
			}
			if _, ok, err := tx.ClaimDevice(ctx, d.ID, w.Hops[0].ID); ok || err != nil {
				t.Errorf("claimed a busy box: %v", err)
			}
			go free()
			for !waiting() && len(freed) == 0 {
				runtime.Gosched()
			}
			return nil
		})
		if !<-freed {
			t.Error("the box is free and the hop ready, and neither knows of the other")
		}
	})
}

// Two programs on one database, as a server and its command line: they wait for
// each other and lose nothing; in SQLite nobody has to begin again.
func TestTwoPrograms(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		stores, ctx := []*Store{open(), open()}, t.Context()
		w := newWhisper(newProject(t, stores[0]).ID, "box")
		must(t, stores[0], func(tx *Tx) error { return tx.CreateWhisper(ctx, w) })
		workers(t, 4, 25, func(worker, _ int) bool {
			err := persist(ctx, stores[worker%2], func(tx *Tx) error {
				w, err := tx.Whisper(ctx, w.ID)
				if err != nil {
					return err
				}
				w.Hops[0].Epoch++
				return tx.SaveWhisper(ctx, &w)
			})
			if err != nil {
				t.Error(err)
			}
			return true
		})
		got := view(t, stores[0], func(tx *Tx) (model.Whisper, error) { return tx.Whisper(ctx, w.ID) })
		if got.Hops[0].Epoch != 100 {
			t.Errorf("epoch %d, want 100", got.Hops[0].Epoch)
		}
		if again := stores[0].again.Load() + stores[1].again.Load(); stores[0].d.ddlInTx && again > 0 {
			t.Errorf("%d transactions began again", again)
		}
	})
}

// Two transactions that want each other's row: MySQL ends one with a deadlock,
// and it runs again; SQLite lets one wait from the start.
func TestDeadlocksRunAgain(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		a, b := newDevice("a"), newDevice("b")
		must(t, s, func(tx *Tx) error { return errors.Join(tx.CreateDevice(ctx, a), tx.CreateDevice(ctx, b)) })
		hasFirst := make(chan struct{}, 2)
		both := make(chan struct{})
		go func() {
			<-hasFirst
			if s.d.read == s.d.write { // the second cannot come while SQLite's one writer works
				<-hasFirst
			}
			close(both)
		}()
		var wg sync.WaitGroup
		for _, order := range [][2]string{{a.ID, b.ID}, {b.ID, a.ID}} {
			wg.Go(func() {
				first := true
				err := s.Tx(ctx, func(tx *Tx) error {
					if _, err := tx.BumpDevice(ctx, order[0]); err != nil {
						return err
					}
					if first {
						first = false
						hasFirst <- struct{}{}
						<-both
					}
					_, err := tx.BumpDevice(ctx, order[1])
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, id := range []string{a.ID, b.ID} {
			if d := view(t, s, func(tx *Tx) (model.Device, error) { return tx.Device(ctx, id) }); d.OfferSeq != 2 {
				t.Errorf("offer number %d, want 2", d.OfferSeq)
			}
		}
		if again := s.again.Load(); (again > 0) != (s.d.read == s.d.write) {
			t.Errorf("%d transactions ran again", again)
		}
	})
}

func TestTx(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		count := func() int { return view(t, s, func(tx *Tx) (int, error) { return tx.CountUsers(ctx) }) }
		add := func(tx *Tx) error { id := NewID(); return tx.CreateUser(ctx, model.User{ID: id, Email: id}) }

		broken := errors.New("broken")
		if err := s.Tx(ctx, func(tx *Tx) error { return errors.Join(add(tx), broken) }); !errors.Is(err, broken) || count() != 0 {
			t.Errorf("an error: %v, %d users", err, count())
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			must(t, s, func(tx *Tx) error {
				if err := add(tx); err != nil {
					return err
				}
				panic("x")
			})
		}()
		if count() != 0 {
			t.Errorf("a panic left %d users", count())
		}
		runs := 0
		err := s.Tx(ctx, func(tx *Tx) error { runs++; return errors.Join(add(tx), ErrConflict) })
		if !errors.Is(err, ErrConflict) || runs != mostRuns || count() != 0 {
			t.Errorf("a conflict that stays: %v after %d runs, %d users", err, runs, count())
		}
		runs = 0
		must(t, s, func(tx *Tx) error {
			if runs++; runs < 3 {
				return errors.Join(add(tx), ErrConflict)
			}
			return add(tx)
		})
		if runs != 3 || count() != 1 {
			t.Errorf("a conflict that goes: %d runs, %d users", runs, count())
		}
		ended, cancel := context.WithCancel(ctx)
		err = s.Tx(ended, func(tx *Tx) error { cancel(); return errors.Join(add(tx), ErrConflict) })
		if !errors.Is(err, context.Canceled) || count() != 1 {
			t.Errorf("a context that ended: %v, %d users", err, count())
		}
	})
}

// A view sees one moment, whatever is written meanwhile.
func TestViewIsASnapshot(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		d := newDevice("box")
		must(t, s, func(tx *Tx) error { return tx.CreateDevice(ctx, d) })
		seqs := view(t, s, func(tx *Tx) (seqs [2]int64, err error) {
			for i := range seqs {
				got, err := tx.Device(ctx, d.ID)
				if err != nil {
					return seqs, err
				}
				seqs[i] = got.OfferSeq
				must(t, s, func(tx *Tx) error { _, err := tx.BumpDevice(ctx, d.ID); return err })
			}
			return seqs, nil
		})
		if seqs != [2]int64{} {
			t.Errorf("offer numbers %v in one view", seqs)
		}
	})
}
