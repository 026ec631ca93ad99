package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// board is the machine as the server knows it. The same identity from another
// board is a copied card.
type board struct{ model, serial string }

// maxText is what the wire allows.
const maxText = 120

// realBoard reads what the machine says of itself: a Pi's device tree, else an
// id made from the installation's, which stays secret itself.
func (p *program) realBoard() board {
	b := board{model: p.readLine("proc/device-tree/model"), serial: p.readLine("proc/device-tree/serial-number")}
	if b.model == "" {
		b.model = p.readLine("sys/class/dmi/id/product_name")
	}
	if b.serial == "" {
		if id := p.readLine("etc/machine-id"); id != "" {
			sum := sha256.Sum256([]byte("illumi board " + id))
			b.serial = "machine-" + hex.EncodeToString(sum[:8])
		}
	}
	return board{clean(b.model), clean(b.serial)}
}

// clean makes a text fit for a header.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxText)]
}

// boardFile holds the serial of a simulated box; a real one has none.
func boardFile(state string) string { return filepath.Join(state, "board") }

// simulatedBoard is a box without a board. Its serial is made once and kept
// beside its whispers, so that the box stays itself under whatever name.
func (p *program) simulatedBoard(state, name string) (board, error) {
	const model = "simulated"
	file := boardFile(state)
	data, err := os.ReadFile(file)
	if err == nil && clean(string(data)) != "" {
		return board{model, clean(strings.TrimSpace(string(data)))}, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return board{}, err
	}
	serial := clean(name)
	if serial == "" || serial != name {
		serial = newSecret()[:16]
	}
	serial = "simulated-" + serial
	return board{model, clean(serial)}, writeKept(file, []byte(serial+"\n"))
}

// writeKept writes a small file wholly and durably, for its owner alone.
func writeKept(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*") // mode 0600; the spool sweeps no files of this level
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
