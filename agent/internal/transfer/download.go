package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// Download fetches one file of an offer into the inbox, going on where an
// earlier attempt ended. When it returns nil the file is in place, whole and
// verified; whatever came stays for the next attempt otherwise.
func (c *Client) Download(ctx context.Context, s *spool.Spool, hop string, f protocol.File) (err error) {
	part, err := s.OpenPart(ctx, hop, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	if part.Size() < f.Size {
		if err := c.fetch(ctx, part, f); err != nil {
			return &brokenOff{err, progress{digest: f.SHA256, at: part.Size()}}
		}
	}
	return part.Commit()
}

// fetch brings the rest of a part.
func (c *Client) fetch(ctx context.Context, part *spool.Part, f protocol.File) (err error) {
	op := "fetch the " + string(f.Role)
	ctx, p := c.pulse(ctx)
	defer p.stop()
	etag := `"` + f.SHA256 + `"`
	header := http.Header{"Accept-Encoding": {"identity"}}
	if part.Size() > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", part.Size()))
		header.Set("If-Range", etag)
	}
	resp, err := c.send(ctx, op, http.MethodGet, protocol.PathMedia+f.SHA256, header, nil, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	switch resp.StatusCode {
	case http.StatusOK:
		// The whole file, whatever was asked for.
		if part.Size() > 0 {
			if err := part.Reset(); err != nil {
				return err
			}
		}
	case http.StatusPartialContent:
		if !fits(resp.Header.Get("Content-Range"), part.Size(), f.Size) {
			return errors.Join(&Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: another range came", ErrLied)}, part.Reset())
		}
	default:
		return refusal(op, resp)
	}
	// A sign-in page answers 200 as well; only our server knows the digest.
	if resp.Header.Get("ETag") != etag || resp.Header.Get("Content-Encoding") != "" {
		return &Error{Op: op, Status: resp.StatusCode, Err: ErrNotOurs}
	}
	if left := f.Size - part.Size(); resp.ContentLength >= 0 && resp.ContentLength != left {
		return &Error{Op: op, Status: resp.StatusCode, Err: fmt.Errorf("%w: %d bytes are announced, %d are missing", ErrLied, resp.ContentLength, left)}
	}
	if _, err := io.Copy(part, moving{resp.Body, p}); err != nil {
		return &Error{Op: op, Err: cause(ctx, err)}
	}
	if part.Size() < f.Size {
		return &Error{Op: op, Err: io.ErrUnexpectedEOF}
	}
	return nil
}

// fits reads "bytes 400-999/1000".
func fits(contentRange string, from, size int64) bool {
	rest, ok := strings.CutPrefix(contentRange, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return false
	}
	a, err1 := strconv.ParseInt(first, 10, 64)
	b, err2 := strconv.ParseInt(last, 10, 64)
	n, err3 := strconv.ParseInt(total, 10, 64)
	return errors.Join(err1, err2, err3) == nil && a == from && b == size-1 && n == size
}
