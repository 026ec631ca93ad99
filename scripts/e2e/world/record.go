package world

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Whisper is whisper.json.
type Whisper struct {
	ID             string          `json:"id"`
	Title          string          `json:"title"`
	State          string          `json:"state"`
	Seed           string          `json:"seed"`
	OrderAlgorithm string          `json:"order_algorithm"`
	OrderInput     []string        `json:"order_input"`
	Order          json.RawMessage `json:"order"` // more of the record
	StartedAt      *time.Time      `json:"started_at"`
	CompletedAt    *time.Time      `json:"completed_at"`
	Origin         struct {
		Files []File `json:"files"`
	} `json:"origin"`
	Hops []Hop `json:"hops"`
}

// Hop is one turn in it.
type Hop struct {
	Position    int        `json:"position"`
	Planned     int        `json:"planned"`
	Device      string     `json:"device"`
	State       string     `json:"state"`
	OfferedAt   *time.Time `json:"offered_at"`
	DeliveredAt *time.Time `json:"delivered_at"`
	HeardAt     *time.Time `json:"heard_at"`
	ReceivedAt  *time.Time `json:"received_at"`
	Files       []File     `json:"files"`
}

// File is one file in it; Name is relative to media/.
type File struct {
	Role    string `json:"role"`
	Variant string `json:"variant"`
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Type    string `json:"type"`
}

// ParseWhisper reads whisper.json. A field that is not in its contract is an error.
func ParseWhisper(data []byte) (Whisper, error) {
	var w Whisper
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return w, fmt.Errorf("whisper.json cannot be read: %w", err)
	}
	return w, nil
}

// Files lists every file of the whisper.
func (w Whisper) Files() []File {
	files := slices.Clone(w.Origin.Files)
	for _, h := range w.Hops {
		files = append(files, h.Files...)
	}
	return files
}

// Devices lists the boxes in the order of their turns.
func (w Whisper) Devices() []string {
	names := make([]string, 0, len(w.Hops))
	for _, h := range w.Hops {
		names = append(names, h.Device)
	}
	return names
}

// Find returns the file of a role and a variant.
func Find(files []File, role, variant string) (File, bool) {
	i := slices.IndexFunc(files, func(f File) bool { return f.Role == role && f.Variant == variant })
	if i < 0 {
		return File{}, false
	}
	return files[i], true
}

// Check reports everything that a complete whisper's record must be and this
// one is not. It believes nothing that it can work out itself.
func (w Whisper) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if w.State != "complete" || w.StartedAt == nil || w.CompletedAt == nil {
		wrong("the whisper is %q, started %v, completed %v", w.State, w.StartedAt, w.CompletedAt)
	}
	if _, ok := Find(w.Origin.Files, "audio", "original"); !ok {
		wrong("the recording that it began with is missing")
	}
	order, err := Arrange(w.OrderAlgorithm, w.Seed, w.Devices())
	if err != nil {
		errs = append(errs, err)
	} else if !slices.Equal(order, w.Devices()) {
		wrong("the record gives the order %q, but the hops were %q", order, w.Devices())
	}
	for i, h := range w.Hops {
		if h.Position != i+1 {
			wrong("hop %d says that it is hop %d", i+1, h.Position)
		}
		if !h.answered() {
			wrong("hop %d at %q was not answered: it is %q", h.Position, h.Device, h.State)
			continue
		}
		if err := h.times(); err != nil {
			errs = append(errs, err)
		}
		for _, variant := range []string{"original", "shared"} {
			if _, ok := Find(h.Files, "audio", variant); !ok {
				wrong("hop %d at %q has no %s recording", h.Position, h.Device, variant)
			}
		}
		if i > 0 && h.OfferedAt != nil && w.Hops[i-1].ReceivedAt != nil && h.OfferedAt.Before(*w.Hops[i-1].ReceivedAt) {
			wrong("hop %d was offered before hop %d was answered", h.Position, i)
		}
	}
	return errors.Join(errs...)
}

func (h Hop) answered() bool {
	return slices.Contains([]string{"received", "held", "approved"}, h.State)
}

// times checks that a hop's times are there and in order.
func (h Hop) times() error {
	var last time.Time
	for _, t := range []struct {
		name string
		at   *time.Time
	}{{"offered", h.OfferedAt}, {"delivered", h.DeliveredAt}, {"heard", h.HeardAt}, {"received", h.ReceivedAt}} {
		if t.at == nil {
			return fmt.Errorf("hop %d at %q was never %s", h.Position, h.Device, t.name)
		}
		if t.at.Before(last) {
			return fmt.Errorf("hop %d at %q was %s too early, at %s", h.Position, h.Device, t.name, t.at)
		}
		last = *t.at
	}
	return nil
}

// CheckFiles hashes every file of the record in a folder again, and looks for
// what a shared picture must not carry. Files that no record names are wrong.
func (w Whisper) CheckFiles(dir string) error {
	var errs []error
	known := map[string]bool{}
	for _, f := range w.Files() {
		if known[f.Name] || f.Name != filepath.Base(f.Name) {
			errs = append(errs, fmt.Errorf("the name %q is not a name of its own", f.Name))
			continue
		}
		known[f.Name] = true
		path := filepath.Join(dir, f.Name)
		sum, size, err := Digest(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if sum != f.SHA256 || size != f.Size {
			errs = append(errs, fmt.Errorf("%s is %d bytes with SHA-256 %s; the record says %d and %s", f.Name, size, sum, f.Size, f.SHA256))
		}
		if f.Variant != "shared" {
			continue
		}
		if what, err := Baggage(path); err != nil || what != "" {
			errs = append(errs, errors.Join(err, baggageError(f.Name, what)))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		errs = append(errs, fmt.Errorf("list the media: %w", err))
	}
	for _, e := range entries {
		if !known[e.Name()] {
			errs = append(errs, fmt.Errorf("%s is in no record", e.Name()))
		}
	}
	return errors.Join(errs...)
}

func baggageError(name, what string) error {
	if what == "" {
		return nil
	}
	return fmt.Errorf("%s is shared and still carries %s", name, what)
}

// Arrange gives the order that a record stands for, from the description in
// docs/randomisation.md alone and not from the server's code.
func Arrange(algorithm, seed string, names []string) ([]string, error) {
	if algorithm != "illumi-shuffle-1" {
		return nil, fmt.Errorf("the order was drawn by %q, which this program does not know", algorithm)
	}
	key, err := hex.DecodeString(seed)
	if err != nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("the order's seed %q is not 64 hexadecimal digits", seed)
	}
	out := slices.Sorted(slices.Values(names))
	var counter uint64
	var words []uint64
	word := func() uint64 {
		if len(words) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(key), counter))
			counter++
			for i := 0; i < len(sum); i += 8 {
				words = append(words, binary.BigEndian.Uint64(sum[i:]))
			}
		}
		w := words[0]
		words = words[1:]
		return w
	}
	for i := len(out) - 1; i > 0; i-- {
		n := uint64(i) + 1
		rest := -n % n // 2^64 modulo n
		w := word()
		for rest != 0 && w >= -rest {
			w = word()
		}
		j := w % n
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

func newDigest() hash.Hash { return sha256.New() }

// Digest is a file's SHA-256 in hexadecimal digits, and its size.
func Digest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("the file cannot be opened: %w", err)
	}
	defer f.Close()
	sum := newDigest()
	n, err := io.Copy(sum, f)
	if err != nil {
		return "", 0, fmt.Errorf("the file cannot be read: %w", err)
	}
	return digestText(sum), n, nil
}
