package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/protocol"
)

// id makes a proper id that is easy to tell apart in a failure.
func id(n int) string { return fmt.Sprintf("01930d5e-7c1a-7000-8000-%012x", n) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Spool {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // closed by the test where it matters
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sound is n bytes that differ with the seed.
func sound(seed, n int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func describe(role protocol.Role, data []byte) protocol.File {
	sum := sha256.Sum256(data)
	f := protocol.File{Role: role, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Type: "audio/wav", Encoding: protocol.EncodingPlain}
	if role == protocol.RoleImage {
		f.Type = "image/jpeg"
	}
	return f
}

func offer(hop, epoch int, files ...protocol.File) protocol.Offer {
	return protocol.Offer{Hop: id(hop), Whisper: id(900), Position: hop, Epoch: epoch, State: protocol.OfferOpen,
		SendMode: protocol.SendGrace, OfferedAt: noon.Add(time.Duration(hop) * time.Minute), Files: files}
}

// record makes a kept take with a photo.
func record(t testing.TB, s *Spool, hop, take int, voice, photo []byte) {
	t.Helper()
	f, err := s.CreateTake(id(hop), take)
	must(t, err)
	_, err = f.Write(voice)
	must(t, err)
	must(t, f.Close())
	_, err = s.KeepTake(id(hop), take)
	must(t, err)
	if photo == nil {
		return
	}
	f, err = s.CreatePhoto(id(hop), take)
	must(t, err)
	_, err = f.Write(photo)
	must(t, err)
	must(t, f.Close())
	_, err = s.KeepPhoto(id(hop), take)
	must(t, err)
}

func draft(s *Spool, hop, take int, photo bool) Draft {
	base := filepath.Join(s.o.Dir, "takes", id(hop), fmt.Sprint(take))
	d := Draft{Hop: id(hop), Whisper: id(900), Epoch: 1, Take: take,
		Files: []DraftFile{{Role: protocol.RoleAudio, Type: "audio/wav", Path: base + ".wav"}},
		Facts: protocol.Facts{SavedAt: noon, BootID: "b", Takes: take, Photo: "none", SentBy: "press"}}
	if photo {
		d.Files = append(d.Files, DraftFile{Role: protocol.RoleImage, Type: "image/jpeg", Path: base + ".jpg"})
	}
	return d
}

func receipt(it Item) protocol.Receipt {
	return protocol.Receipt{Reply: it.ID, Hop: it.Hop, Whisper: it.Whisper, State: protocol.ReplyAccepted, ReceivedAt: noon,
		Files: it.Reply(nil).Files}
}

func items(t testing.TB, s *Spool) []Item {
	t.Helper()
	list, damaged, err := s.Items()
	must(t, err)
	if len(damaged) > 0 {
		t.Fatalf("damaged: %+v", damaged)
	}
	for _, it := range list {
		must(t, s.Verify(it))
	}
	return list
}

// fetch downloads a file as transfer does.
func fetch(s *Spool, hop string, f protocol.File, data []byte) error {
	p, err := s.OpenPart(tctx, hop, f)
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // Commit reports
	if _, err := p.Write(data[p.Size():]); err != nil {
		return err
	}
	return p.Commit()
}

func sameFile(t testing.TB, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes that are not the %d expected", filepath.Base(name), len(got), len(want))
	}
}
