package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"illumi/protocol"
)

// keyFile is the server key's name in the data directory.
const keyFile = "server.key"

// Key is the server's secret, kept beside the database and not in it, so that
// short secrets in a stolen database cannot be found by trying. Servers that
// share a database share the key. Printing a Key shows nothing.
type Key struct{ secret [32]byte }

// Format hides the key, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "key(hidden)") }

// LoadKey reads the key in the data directory dir, and makes it at the first
// start. It refuses a key that others on this machine can read.
func LoadKey(dir string) (Key, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Key{}, fmt.Errorf("open the data directory for the server key: %w", err)
	}
	defer root.Close()
	k, err := readKey(root)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := makeKey(root); err != nil {
		return Key{}, fmt.Errorf("make the server key: %w", err)
	}
	// Another process may have been first: what is on disk counts.
	return readKey(root)
}

func readKey(root *os.Root) (Key, error) {
	info, err := root.Stat(keyFile)
	if err != nil {
		return Key{}, fmt.Errorf("read the server key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("read the server key: others can read %s; run chmod 600 on it", keyFile)
	}
	text, err := root.ReadFile(keyFile)
	if err != nil {
		return Key{}, fmt.Errorf("read the server key: %w", err)
	}
	var k Key
	if raw, err := hex.DecodeString(strings.TrimSpace(string(text))); err != nil || copy(k.secret[:], raw) != len(k.secret) || len(raw) != len(k.secret) {
		return Key{}, fmt.Errorf("read the server key: %s is damaged; restore it from a backup, or remove it to make a new one, which voids open enrolment codes", keyFile)
	}
	return k, nil
}

// makeKey writes a whole, synced key and then gives it its name, unless the
// name is taken.
func makeKey(root *os.Root) error {
	var k Key
	_, _ = rand.Read(k.secret[:]) // never fails: it ends the program instead
	part := keyFile + "." + rand.Text()
	f, err := root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(k.secret[:]) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Link(part, keyFile)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err := errors.Join(err, root.Remove(part)); err != nil {
		return err
	}
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// mac is the HMAC-SHA-256 of text for one purpose, as hex.
func (k Key) mac(purpose, text string) string {
	h := hmac.New(sha256.New, k.secret[:])
	h.Write([]byte(purpose + "\x00" + text)) // a hash never fails to write
	return hex.EncodeToString(h.Sum(nil))
}

// NewCode makes an enrolment code: protocol.CodeLength characters of
// protocol.CodeAlphabet, each equally likely.
func NewCode() string {
	const letters = protocol.CodeAlphabet
	const fair = 256 - 256%len(letters) // bytes from here on would favour the first letters
	code := make([]byte, 0, protocol.CodeLength)
	var b [2 * protocol.CodeLength]byte
	for {
		_, _ = rand.Read(b[:]) // never fails: it ends the program instead
		for _, c := range b {
			if int(c) >= fair {
				continue
			}
			code = append(code, letters[int(c)%len(letters)])
			if len(code) == protocol.CodeLength {
				return string(code)
			}
		}
	}
}

// HashCode is what the database stores of a normalised enrolment code.
func (k Key) HashCode(code string) string { return k.mac("enrolment code", code) }
