package store

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/storetest"
)

// writers is how many commit at the same time, on two processors or a few more.
const writers = 16

// BenchmarkCommit holds one small write transaction against what the disk can
// do at all: 4 KiB written in place and synced, as a log does, between the
// transactions, so that what else the machine does meets both.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"sqlite", "mysql"} {
		open := func(b *testing.B) (*Store, []string) {
			s := must2(Open(b.Context(), Options{DSN: storetest.New(b, kind)}))(b)
			b.Cleanup(func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
			var ids []string
			for range writers {
				d := newDevice(NewID())
				must(b, s, func(tx *Tx) error { return tx.CreateDevice(b.Context(), d) })
				ids = append(ids, d.ID)
			}
			return s, ids
		}
		b.Run(kind, func(b *testing.B) {
			s, ids := open(b)
			l := newLog(b)
			at := noon // another time each: what changes nothing costs no sync
			for b.Loop() {
				at = at.Add(time.Second)
				must(b, s, func(tx *Tx) error { return tx.TouchDevice(b.Context(), ids[0], model.Sighting{At: at}) })
				b.StopTimer()
				l.sync(b)
				b.StartTimer()
			}
			l.report(b)
		})
		b.Run(kind+"-16-writers", func(b *testing.B) {
			s, ids := open(b)
			l := newLog(b)
			for range 20 { // not among them: sixteen syncs wait for each other
				l.sync(b)
			}
			var n atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for _, id := range ids {
				all.Go(func() {
					for at := noon; n.Add(1) <= int64(b.N); {
						at = at.Add(time.Second)
						if err := s.Tx(b.Context(), func(tx *Tx) error { return tx.TouchDevice(b.Context(), id, model.Sighting{At: at}) }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			for range 20 {
				l.sync(b)
			}
			l.report(b)
		})
	}
}

// syncLog is a file that shows what the disk can do.
type syncLog struct {
	f    *os.File
	took []time.Duration
}

func newLog(b *testing.B) *syncLog {
	const blocks = 1000
	f := must2(os.Create(filepath.Join(b.TempDir(), "log")))(b)
	b.Cleanup(func() {
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	})
	if _, err := f.Write(make([]byte, blocks*4096)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return &syncLog{f: f}
}

// sync writes and syncs one block.
func (l *syncLog) sync(b *testing.B) {
	block := make([]byte, 4096)
	block[0] = byte(len(l.took))
	began := time.Now()
	_, err := l.f.WriteAt(block, int64(len(l.took)%1000*len(block)))
	if err == nil {
		err = l.f.Sync()
	}
	l.took = append(l.took, time.Since(began))
	if err != nil {
		b.Fatal(err)
	}
}

// report tells commits a second, and how many syncs one of them takes.
func (l *syncLog) report(b *testing.B) {
	var sum time.Duration
	for _, t := range l.took {
		sum += t
	}
	each := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(each)*float64(len(l.took))/float64(sum), "commit/fsync")
}
