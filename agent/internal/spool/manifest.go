package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"illumi/protocol"
)

// A manifest is one line of JSON and one line with its SHA-256, so that a
// flipped bit cannot send a reply to another hop.

func (s *Spool) writeManifest(dir string, it Item) error {
	data, err := encodeManifest(it)
	if err != nil {
		return err
	}
	return s.disk.writeFile(path.Join(dir, manifestName), data)
}

func encodeManifest(it Item) ([]byte, error) {
	data, err := json.Marshal(it)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return fmt.Appendf(data, "\n%s\n", hex.EncodeToString(sum[:])), nil
}

// readManifest returns ErrDamaged for a manifest that is missing or not whole.
func (s *Spool) readManifest(dir string) (Item, error) {
	data, err := s.disk.root.ReadFile(path.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return Item{}, fmt.Errorf("%w: no manifest", ErrDamaged)
	}
	if unreadable(err) {
		return Item{}, fmt.Errorf("%w: the manifest: %w", ErrDamaged, err)
	}
	if err != nil {
		return Item{}, err
	}
	return decodeManifest(data)
}

func decodeManifest(data []byte) (Item, error) {
	var it Item
	body, sum, ok := bytes.Cut(data, []byte("\n"))
	want := sha256.Sum256(body)
	if !ok || string(sum) != hex.EncodeToString(want[:])+"\n" {
		return it, fmt.Errorf("%w: the manifest is not what was written", ErrDamaged)
	}
	if err := json.Unmarshal(body, &it); err != nil {
		return it, fmt.Errorf("%w: the manifest: %w", ErrDamaged, err)
	}
	if err := it.check(); err != nil {
		return it, fmt.Errorf("%w: the manifest: %w", ErrDamaged, err)
	}
	return it, nil
}

// check holds an item to what the server will accept.
func (it Item) check() error {
	if !protocol.ValidID(it.Hop) {
		return errors.New("the reply names no hop")
	}
	for _, f := range it.Files {
		if f.Name == "" || strings.ContainsAny(f.Name, "/\\\x00") || strings.HasPrefix(f.Name, ".") {
			return errors.New("a file of the reply has no proper name")
		}
	}
	uploads := map[string]Upload{}
	for _, f := range it.Files {
		uploads[f.SHA256] = Upload{ID: "later"}
	}
	return it.Reply(uploads).Check()
}

// Reply is what is PUT for the item; uploads are by digest.
func (it Item) Reply(uploads map[string]Upload) protocol.Reply {
	r := protocol.Reply{ID: it.ID, Epoch: it.Epoch, Take: it.Take, Facts: it.Facts}
	for _, f := range it.Files {
		file := f.File
		file.Upload = uploads[f.SHA256].ID
		r.Files = append(r.Files, file)
	}
	return r
}
