package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/storetest"
)

// BenchmarkCommit holds one small write transaction against what the disk can
// do at all: 4 KiB written in place and synced, as a log does. Each is measured
// in the same run.
func BenchmarkCommit(b *testing.B) {
	b.Run("fsync", func(b *testing.B) {
		f := must2(os.Create(filepath.Join(b.TempDir(), "log")))(b)
		block := make([]byte, 4096)
		const blocks = 1000
		if _, err := f.Write(make([]byte, blocks*len(block))); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			block[0]++
			if _, err := f.WriteAt(block, int64(i%blocks*len(block))); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b)
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	})
	for _, kind := range []string{"sqlite", "mysql"} {
		open := func(b *testing.B) (*Store, string) {
			s := must2(Open(b.Context(), Options{DSN: storetest.New(b, kind)}))(b)
			b.Cleanup(func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
			d := newDevice("box")
			must(b, s, func(tx *Tx) error { return tx.CreateDevice(b.Context(), d) })
			return s, d.ID
		}
		b.Run(kind, func(b *testing.B) {
			s, id := open(b)
			at := noon // another time each: what changes nothing costs no sync
			for b.Loop() {
				at = at.Add(time.Second)
				must(b, s, func(tx *Tx) error { return tx.TouchDevice(b.Context(), id, model.Sighting{At: at}) })
			}
			perSecond(b)
		})
		b.Run(kind+"-16-writers", func(b *testing.B) {
			s, _ := open(b)
			b.SetParallelism(8) // on two processors
			b.RunParallel(func(pb *testing.PB) {
				d := newDevice(NewID())
				must(b, s, func(tx *Tx) error { return tx.CreateDevice(b.Context(), d) })
				for at := noon; pb.Next(); at = at.Add(time.Second) {
					must(b, s, func(tx *Tx) error { return tx.TouchDevice(b.Context(), d.ID, model.Sighting{At: at}) })
				}
			})
			perSecond(b)
		})
	}
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
