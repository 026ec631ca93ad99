package transfer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// uploadTries bounds how often one call begins again after the server and the
// box disagreed; beyond it the caller's backoff takes over.
const uploadTries = 4

// Upload brings one file of a sealed reply to the server by tus 1.0 and returns
// the id of the finished upload. What is known of it is kept in the spool, so
// that another call, also after a restart, goes on where this one ended.
// spool.ErrDamaged says that the local bytes are no longer what was sealed.
func (c *Client) Upload(ctx context.Context, s *spool.Spool, it spool.Item, f spool.ItemFile) (string, error) {
	known, err := s.Uploads(it.ID)
	if err != nil {
		return "", err
	}
	keep := func(u spool.Upload) error {
		known[f.SHA256] = u
		return s.SaveUploads(it.ID, known)
	}
	if u := known[f.SHA256]; u.Done {
		return u.ID, nil
	}
	var last error
	for range uploadTries {
		id, err := c.uploadOnce(ctx, s, it, f, known[f.SHA256].ID, keep)
		if err == nil {
			return id, keep(spool.Upload{ID: id, Done: true})
		}
		last = err
		if errors.Is(err, ErrNotOurs) || IsRefused(err) {
			return "", err
		}
		switch status(err) {
		case http.StatusConflict:
			// The offset is another one: uploadOnce asks for it.
		case http.StatusNotFound, http.StatusGone:
			if known[f.SHA256].ID == "" {
				return "", err // creation itself was refused
			}
			if err := keep(spool.Upload{}); err != nil {
				return "", err
			}
		case protocol.StatusDigestMismatch:
			// Either the way changed bytes or our disk did.
			if err := s.Verify(it); err != nil {
				return "", err
			}
			if err := keep(spool.Upload{}); err != nil {
				return "", err
			}
		default:
			return "", err
		}
	}
	return "", last
}

func (c *Client) uploadOnce(ctx context.Context, s *spool.Spool, it spool.Item, f spool.ItemFile, id string, keep func(spool.Upload) error) (string, error) {
	var offset int64
	var err error
	if id == "" {
		if id, err = c.create(ctx, it, f); err == nil {
			err = keep(spool.Upload{ID: id})
		}
	} else {
		offset, err = c.offset(ctx, id, f)
	}
	if err != nil || offset == f.Size {
		return id, err
	}
	file, err := s.OpenFile(it, f)
	if err != nil {
		return id, err
	}
	for offset < f.Size {
		n := min(c.o.Chunk, f.Size-offset)
		under := &counted{Reader: io.NewSectionReader(file, offset, n)}
		if err = c.patch(ctx, id, f, offset, under, n); err != nil {
			err = &brokenOff{err, progress{f.SHA256, offset, under.n.Load() > 0}}
			break
		}
		offset += n
	}
	return id, errors.Join(err, file.Close())
}

// counted knows how much was read of it, by whatever goroutine.
type counted struct {
	io.Reader
	n atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func tus() http.Header { return http.Header{"Tus-Resumable": {"1.0.0"}} }

func uploadOp(f spool.ItemFile) string { return "upload the " + string(f.Role) }

// create begins an upload. The announced digest is what the server will hold
// the bytes against.
func (c *Client) create(ctx context.Context, it spool.Item, f spool.ItemFile) (id string, err error) {
	ctx, p := c.pulse(ctx)
	defer p.stop()
	header := tus()
	header.Set("Upload-Length", strconv.FormatInt(f.Size, 10))
	header.Set("Upload-Metadata", metadata("sha256", f.SHA256, "role", string(f.Role), "hop", it.Hop, "type", f.Type))
	resp, err := c.send(ctx, uploadOp(f), http.MethodPost, protocol.PathUploads, header, nil, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusCreated {
		return "", refusal(uploadOp(f), resp)
	}
	// Only the id counts: behind a proxy the rest of the address may be wrong,
	// and the secret goes to the address that was enrolled at, nowhere else.
	at, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !validUpload(path.Base(at.Path)) {
		return "", &Error{Op: uploadOp(f), Status: resp.StatusCode, Err: ErrNotOurs}
	}
	return path.Base(at.Path), nil
}

func metadata(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(list, ",")
}

func validUpload(id string) bool {
	if len(id) == 0 || len(id) > 120 || strings.HasPrefix(id, ".") {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.+~", rune(c)) {
			return false
		}
	}
	return true
}

// offset asks how much of an upload the server has on its disk.
func (c *Client) offset(ctx context.Context, id string, f spool.ItemFile) (n int64, err error) {
	ctx, p := c.pulse(ctx)
	defer p.stop()
	resp, err := c.send(ctx, uploadOp(f), http.MethodHead, protocol.PathUploads+id, tus(), nil, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return 0, refusal(uploadOp(f), resp)
	}
	n, err1 := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	size, err2 := strconv.ParseInt(resp.Header.Get("Upload-Length"), 10, 64)
	switch {
	case errors.Join(err1, err2) != nil || resp.Header.Get("Tus-Resumable") == "":
		return 0, &Error{Op: uploadOp(f), Status: resp.StatusCode, Err: ErrNotOurs}
	case size != f.Size || n < 0 || n > size:
		// An upload that cannot be ours: as good as none.
		return 0, &Error{Op: uploadOp(f), Status: http.StatusGone, Err: fmt.Errorf("%w: upload of another size", ErrLied)}
	}
	return n, nil
}

// patch sends one chunk.
func (c *Client) patch(ctx context.Context, id string, f spool.ItemFile, offset int64, chunk io.Reader, n int64) (err error) {
	ctx, p := c.pulse(ctx)
	defer p.stop()
	header := tus()
	header.Set("Content-Type", "application/offset+octet-stream")
	header.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	resp, err := c.send(ctx, uploadOp(f), http.MethodPatch, protocol.PathUploads+id, header, moving{chunk, p}, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return refusal(uploadOp(f), resp)
	}
	if resp.Header.Get("Tus-Resumable") == "" {
		return &Error{Op: uploadOp(f), Status: resp.StatusCode, Err: ErrNotOurs}
	}
	if got, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64); err != nil || got != offset+n {
		return &Error{Op: uploadOp(f), Status: http.StatusConflict, Err: fmt.Errorf("%w: another offset", ErrLied)}
	}
	return nil
}
