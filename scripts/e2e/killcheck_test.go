package e2e_test

import (
	"database/sql"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// check finds out whether anything was lost, doubled or changed.
func (k *killer) check(t *testing.T) {
	db := k.open(t, k.o)
	received := map[string]world.File{} // by digest: every original that a hop has
	for _, id := range k.whispers {
		w, _, err := k.r.Whisper(t.Context(), id)
		must(t, err)
		if err := w.Check(); err != nil {
			t.Errorf("whisper %s: %v", id, err)
		}
		media := t.TempDir()
		for _, f := range w.Files() {
			if err := k.r.Save(t.Context(), id, f, filepath.Join(media, f.Name)); err != nil {
				t.Errorf("whisper %s: %v", id, err)
			}
		}
		if err := w.CheckFiles(media); err != nil {
			t.Errorf("whisper %s: %v", id, err)
		}
		for _, h := range w.Hops {
			for _, f := range h.Files {
				if f.Variant == "original" {
					received[f.SHA256] = f
				}
			}
		}
		k.checkRows(t, db, id, len(w.Hops))
	}
	k.checkMail(t)
	k.sayPhotos(t, db)
	checkMedia(t, filepath.Join(k.Data(), "media"))
	for _, a := range k.agents {
		checkSent(t, a.Dir(), received)
	}
}

// checkRows counts replies and events: each hop exactly once, whatever the
// record's page shows.
func (k *killer) checkRows(t *testing.T, db *sql.DB, id string, hops int) {
	count := func(query string) int {
		var n int
		must(t, db.QueryRowContext(t.Context(), query, id).Scan(&n))
		return n
	}
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"replies", "SELECT COUNT(*) FROM replies WHERE whisper_id = ?", hops},
		{"accepted replies", "SELECT COUNT(*) FROM replies WHERE whisper_id = ? AND state = 'accepted'", hops},
		{"hops with a reply", "SELECT COUNT(DISTINCT hop_id) FROM replies WHERE whisper_id = ?", hops},
		{"events of answers", "SELECT COUNT(*) FROM events WHERE whisper_id = ? AND kind = 'received'", hops},
		{"hops with such an event", "SELECT COUNT(DISTINCT hop_id) FROM events WHERE whisper_id = ? AND kind = 'received'", hops},
		{"events of turns", "SELECT COUNT(*) FROM events WHERE whisper_id = ? AND kind = 'offered'", hops},
		{"events of completion", "SELECT COUNT(*) FROM events WHERE whisper_id = ? AND kind = 'complete'", 1},
		{"mails", "SELECT COUNT(*) FROM mails WHERE whisper_id = ?", 1},
	} {
		if n := count(c.query); n != c.want {
			t.Errorf("whisper %s has %d %s, want %d", id, n, c.what, c.want)
		}
	}
}

// sayPhotos tells what became of the pictures: a box that dies between voice
// and picture may do without one, and says so.
func (k *killer) sayPhotos(t *testing.T, db *sql.DB) {
	found, err := db.QueryContext(t.Context(), "SELECT facts FROM replies")
	must(t, err)
	defer found.Close()
	photos := map[string]int{}
	for found.Next() {
		var text string
		must(t, found.Scan(&text))
		var facts protocol.Facts
		must(t, json.Unmarshal([]byte(text), &facts))
		photos[facts.Photo]++
	}
	must(t, found.Err())
	t.Logf("pictures: %v", photos)
}

// checkMail wants every whisper's mail at least once, and again only where the
// server was killed between the mail server's yes and its own note of it.
func (k *killer) checkMail(t *testing.T) {
	deadline := time.Now().Add(time.Minute)
	for {
		k.sink.mu.Lock()
		kinds, total := len(k.sink.mails), 0
		for _, n := range k.sink.mails {
			total += n
		}
		k.sink.mu.Unlock()
		if kinds >= len(k.whispers) || time.Now().After(deadline) {
			if kinds != len(k.whispers) {
				t.Errorf("%d different mails came for %d whispers", kinds, len(k.whispers))
			}
			if extra := total - kinds; extra > k.serverEnds+k.kills["mariadb"] {
				t.Errorf("%d mails came twice, with %d ends of the server", extra, k.serverEnds)
			}
			t.Logf("%d mails, %d of them twice", kinds, total-kinds)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// checkMedia wants every stored file to be what its name says.
func checkMedia(t *testing.T, dir string) {
	n := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if err == nil && e.Name() == ".part" {
				return filepath.SkipDir
			}
			return err
		}
		sum, _, err := world.Digest(path)
		if err != nil {
			return err
		}
		if n++; sum != e.Name() {
			t.Errorf("the stored file %s hashes to %s", e.Name(), sum)
		}
		return nil
	})
	must(t, err)
	t.Logf("%d stored files are what their names say", n)
}

// checkSent compares the receipts that a box kept with what the server has.
func checkSent(t *testing.T, dir string, received map[string]world.File) {
	receipts, err := filepath.Glob(filepath.Join(dir, "sent", "*", "receipt.json"))
	must(t, err)
	if len(receipts) == 0 {
		t.Errorf("%s keeps no receipt", dir)
	}
	for _, path := range receipts {
		data, err := os.ReadFile(path)
		must(t, err)
		var r protocol.Receipt
		must(t, json.Unmarshal(data, &r))
		for _, f := range r.Files {
			if got, ok := received[f.SHA256]; !ok || got.Size != f.Size {
				t.Errorf("%s was promised %s, which no hop has", filepath.Base(dir), f.SHA256)
			}
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		left, err := filepath.Glob(filepath.Join(dir, "outbox", "[0-9a-f]*"))
		must(t, err)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s still has %q to send", filepath.Base(dir), left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
