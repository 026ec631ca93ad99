package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"illumi/protocol"
)

// keptLimit is what receiving, checking, syncing and keeping a recording may
// take, of the time of a plain copy with SHA-256 and fsync.
const keptLimit = 3

// BenchmarkUpload sends a 50 MB recording through the handler over loopback
// and compares it with a plain copy of the same bytes with SHA-256 and fsync,
// in the same run: kept/copy is receiving, checking, syncing and keeping;
// whole/copy adds looking at the file and making the levelled copy. It fails
// where kept/copy is beyond its limit three times over: a disk that others use
// can make one copy slow.
func BenchmarkUpload(b *testing.B) {
	r := newRig(b)
	box := r.box("b")
	const seconds = 500
	data := wav(seconds/100, 440)
	for len(data) < 50_000_000 {
		data = append(data, data[44:]...)
	}
	data = data[:50_000_000]
	binary.LittleEndian.PutUint32(data[4:], uint32(len(data)-8))
	binary.LittleEndian.PutUint32(data[24:], 48000) // 8.7 minutes
	binary.LittleEndian.PutUint32(data[28:], 96000)
	binary.LittleEndian.PutUint32(data[40:], uint32(len(data)-44))
	var checked, shared time.Time
	r.s.at = func(step string) {
		switch step {
		case "checked":
			checked = time.Now()
		case "shared":
			shared = time.Now()
		}
	}
	i := 0
	round := func() (kept, whole float64, plain time.Duration) {
		i++
		binary.LittleEndian.PutUint32(data[44:], uint32(i)) // other bytes each time
		begin := time.Now()
		at := box.create(protocol.RoleAudio, data)
		if out := box.patch(at, 0, data); out.status != 204 {
			b.Fatalf("%d %+v", out.status, out.problem)
		}
		all, media := time.Since(begin), shared.Sub(checked)
		if err := r.book.DeleteUpload(b.Context(), idOf(at)); err != nil { // a reply names it
			b.Fatal(err)
		}
		begin = time.Now()
		plainCopy(b, filepath.Join(r.root, "plain"), data)
		plain = time.Since(begin)
		return float64(all-media) / float64(plain), float64(all) / float64(plain), plain
	}
	var kept, whole []float64
	var plain time.Duration
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		k, w, p := round()
		kept, whole, plain = append(kept, k), append(whole, w), plain+p
	}
	ratio := median(kept)
	for range 2 {
		if ratio <= keptLimit {
			break
		}
		var again []float64
		for range 3 {
			k, _, _ := round()
			again = append(again, k)
		}
		ratio = min(ratio, median(again))
	}
	if ratio > keptLimit {
		b.Errorf("an upload takes %.1f times as long as a plain copy, more than %d", ratio, keptLimit)
	}
	b.ReportMetric(ratio, "kept/copy")
	b.ReportMetric(median(whole), "whole/copy")
	b.ReportMetric(float64(plain.Milliseconds())/float64(len(kept)), "copy-ms")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

func plainCopy(b *testing.B, name string, data []byte) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	_ = h.Sum(nil) // its cost is what counts
}
