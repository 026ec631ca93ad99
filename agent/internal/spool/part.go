package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"

	"illumi/protocol"
)

// Part is a file of an offer while it is being fetched. Bytes that arrived stay
// for the next attempt. Not for concurrent use.
type Part struct {
	s    *Spool
	hop  string
	file protocol.File
	name string
	f    *os.File
	sum  hash.Hash
	size int64
}

// OpenPart opens what has arrived of a file so far, reading it once to go on
// with its digest.
func (s *Spool) OpenPart(ctx context.Context, hop string, file protocol.File) (*Part, error) {
	if err := file.Check(); err != nil {
		return nil, fmt.Errorf("spool: open a part: %w", err)
	}
	if _, err := s.Entry(hop); err != nil {
		return nil, tell("open a part", err)
	}
	name := path.Join("inbox", hop, file.SHA256+".part")
	if err := s.disk.step(OpCreate, name); err != nil {
		return nil, tell("open a part", err)
	}
	f, err := s.disk.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, tell("open a part", err)
	}
	p := &Part{s: s, hop: hop, file: file, name: name, f: f, sum: sha256.New()}
	n, err := io.Copy(p.sum, reader{ctx, f})
	if err == nil && n > file.Size {
		err = p.Reset()
		n = 0
	}
	if err != nil {
		return nil, errors.Join(tell("read a part", err), f.Close())
	}
	p.size = n
	return p, nil
}

// Size is how many bytes have arrived.
func (p *Part) Size() int64 { return p.size }

// Reset throws away what has arrived.
func (p *Part) Reset() error {
	if err := p.f.Truncate(0); err != nil {
		return tell("restart a part", err)
	}
	_, err := p.f.Seek(0, io.SeekStart)
	p.sum.Reset()
	p.size = 0
	return tell("restart a part", err)
}

// Write appends bytes, never more than the file was announced to have.
func (p *Part) Write(b []byte) (int, error) {
	if int64(len(b)) > p.file.Size-p.size {
		return 0, errors.New("spool: more bytes came than were announced")
	}
	if err := p.s.disk.step(OpWrite, p.name); err != nil {
		return 0, tell("write a part", err)
	}
	n, err := p.f.Write(b)
	p.sum.Write(b[:n])
	p.size += int64(n)
	return n, tell("write a part", err)
}

// Commit makes the part the file: length and digest verified, synced, renamed.
// Wrong bytes are thrown away and returned as ErrDamaged. The part is closed.
func (p *Part) Commit() error {
	if got := hex.EncodeToString(p.sum.Sum(nil)); p.size != p.file.Size || got != p.file.SHA256 {
		err := fmt.Errorf("%w: what came is not the announced %s", ErrDamaged, p.file.Role)
		return errors.Join(err, p.Reset(), p.f.Close())
	}
	if err := p.s.disk.syncFile(p.f, p.name); err != nil {
		// The kernel may have lost bytes that are still in its cache: start anew.
		return tell("sync a part", errors.Join(err, p.f.Close(), p.s.disk.remove(p.name)))
	}
	if err := p.f.Close(); err != nil {
		return tell("close a part", err)
	}
	dir := path.Join("inbox", p.hop)
	if err := p.s.disk.rename(p.name, path.Join(dir, p.file.SHA256)); err != nil {
		return tell("keep a file", err)
	}
	return tell("keep a file", p.s.disk.syncDir(dir))
}

// Close keeps the part for the next attempt. It may follow Commit.
func (p *Part) Close() error {
	if err := p.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return tell("close a part", err)
	}
	return nil
}

// digest reads a file of the spool.
func (s *Spool) digest(name string) (sum string, size int64, err error) {
	f, err := s.disk.root.Open(name)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, errors.Join(err, f.Close())
}

// reader stops a long read when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
