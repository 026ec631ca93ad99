package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"illumi/protocol"
)

// Names in a directory of clips, beside <key>.wav. A name that begins with a
// dot is not whole.
const (
	clipSet    = "set"
	clipEnding = ".wav"
	clipPart   = ".part-"
)

// HandIn gives what was found when the box was looked through to the server.
// Repeating it gives the same receipt.
func (c *Client) HandIn(ctx context.Context, check protocol.Check) (protocol.CheckReceipt, error) {
	const op = "hand in a check"
	var out protocol.CheckReceipt
	if err := check.Check(); err != nil {
		return out, &Error{Op: op, Err: err}
	}
	err := c.call(ctx, op, http.MethodPost, protocol.PathChecks, check, &out)
	if err == nil && out.ID != check.ID {
		err = &Error{Op: op, Status: http.StatusOK, Err: fmt.Errorf("%w: the receipt is for another check", ErrLied)}
	}
	return out, err
}

// ClipSet is the name of the list of clips that a directory holds whole; empty
// where it holds none.
func ClipSet(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, clipSet))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// SyncClips makes a directory, which it makes, hold the sentences that the
// server has for this box, one verified <key>.wav each, and nothing else.
// It returns the name of the list that is in place then. Each file appears
// whole or not at all; after a failure ClipSet is empty and the next call goes
// on from there.
func (c *Client) SyncClips(ctx context.Context, dir string) (set string, err error) {
	var want protocol.Clips
	if err := c.call(ctx, "ask for clips", http.MethodGet, protocol.PathClips, nil, &want); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("transfer: clips: %w", err)
	}
	if have, err := ClipSet(dir); err == nil && have == want.Set && have != "" {
		return have, nil
	}
	if err := os.Remove(filepath.Join(dir, clipSet)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("transfer: clips: %w", err)
	}
	keep := map[string]bool{}
	for _, clip := range want.Clips {
		keep[clip.Key+clipEnding] = true
		if err := c.syncClip(ctx, dir, clip); err != nil {
			return "", err
		}
	}
	if err := clearClips(dir, keep); err != nil {
		return "", fmt.Errorf("transfer: clips: %w", err)
	}
	if want.Set == "" {
		return "", nil
	}
	err = whole(dir, clipSet, func(f *os.File) error {
		_, err := io.WriteString(f, want.Set+"\n")
		return err
	})
	return want.Set, err
}

func (c *Client) syncClip(ctx context.Context, dir string, clip protocol.Clip) error {
	name := clip.Key + clipEnding
	if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil && digestOf(data) == clip.SHA256 {
		return nil
	}
	return whole(dir, name, func(f *os.File) error { return c.fetchClip(ctx, f, clip) })
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// fetchClip writes a clip's bytes, of which not one is believed before the digest.
func (c *Client) fetchClip(ctx context.Context, f *os.File, clip protocol.Clip) (err error) {
	const op = "fetch a clip"
	ctx, p := c.pulse(ctx)
	defer p.stop()
	resp, err := c.send(ctx, op, http.MethodGet, protocol.PathClips+"/"+clip.SHA256, http.Header{"Accept-Encoding": {"identity"}}, nil, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return refusal(op, resp)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(moving{resp.Body, p}, clip.Size+1))
	if err != nil {
		return &Error{Op: op, Err: cause(ctx, err)}
	}
	if n != clip.Size || hex.EncodeToString(sum.Sum(nil)) != clip.SHA256 {
		return &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %d bytes came and are not the clip", ErrLied, n)}
	}
	return nil
}

// whole makes name hold what fill writes, synced, or leaves it as it was.
func whole(dir, name string, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, clipPart+"*")
	if err != nil {
		return fmt.Errorf("transfer: clips: %w", err)
	}
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return errors.Join(fmt.Errorf("transfer: clips: %w", err), os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// clearClips takes away what is not kept, and parts that a cut left.
func clearClips(dir string, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if keep[e.Name()] || e.IsDir() {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
