package upload

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"illumi/server/internal/model"
)

// call is what one request carries through tusd to our store and hooks.
type call struct {
	id      string
	asker   entry // the owner; with the facts of the upload once known
	control *http.ResponseController
	body    *body
	created bool
	err     error // what really went wrong, where we know
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	return ctx.Value(callKey{}).(*call) // pass puts it into every context that tusd sees
}

// fail keeps the first error for Serve, because tusd would send its text to
// the client.
func fail(ctx context.Context, err error) error {
	if c := callOf(ctx); c.err == nil {
		c.err = err
	}
	return err
}

// answer stands between tusd and the connection: successes get our headers,
// refusals are held back so that Serve can return them.
type answer struct {
	http.ResponseWriter
	h       *Handler
	c       *call
	method  string
	refused int    // status, 0 where tusd agreed
	text    string // of the refusal, absent with HEAD
}

// Unwrap lets deadlines reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	// Syncing may have outlasted the deadline that tusd set with the last
	// read. A connection that cannot set one has none.
	_ = a.c.control.SetWriteDeadline(time.Now().Add(answerTime))
	if status >= http.StatusBadRequest {
		a.refused = status
		return
	}
	header := a.Header()
	expires := time.Now().Add(a.c.asker.keep()).UTC().Format(http.TimeFormat)
	switch a.method {
	case http.MethodPost:
		// Relative: right behind any proxy, and no Host header to trust.
		header.Set("Location", a.h.base+a.c.id)
		header.Set("Upload-Expires", expires)
	case http.MethodHead:
		header.Set("Upload-Metadata", handler.SerializeMetadataHeader(a.shown()))
		header.Set("Upload-Expires", expires)
	case http.MethodPatch:
		if header.Get("Upload-Offset") != strconv.FormatInt(a.c.asker.size, 10) {
			header.Set("Upload-Expires", expires)
		}
	case http.MethodOptions:
		header.Set("Tus-Extension", header.Get("Tus-Extension")+",expiration")
	}
	a.ResponseWriter.WriteHeader(status)
}

// shown is the metadata that the owner gave, without ours.
func (a *answer) shown() map[string]string {
	m := map[string]string{metaRole: string(a.c.asker.role)}
	if a.c.asker.sha256 != "" {
		m[metaDigest] = a.c.asker.sha256
	}
	return m
}

func (a *answer) Write(p []byte) (int, error) {
	if a.refused == 0 {
		return a.ResponseWriter.Write(p)
	}
	if len(a.text) < 100 {
		a.text += string(p[:min(len(p), 100)])
	}
	return len(p), nil
}

// refusal translates tusd's words, which begin with a stable code. Where a
// request may succeed when repeated, the status is one that clients repeat.
func (a *answer) refusal() *model.Error {
	code, _, _ := strings.Cut(a.text, ":")
	switch code {
	case handler.ErrNotFound.ErrorCode:
		return errUnknown
	case handler.ErrMismatchOffset.ErrorCode:
		return errOffset
	case handler.ErrInvalidOffset.ErrorCode, handler.ErrInvalidContentType.ErrorCode,
		handler.ErrNotImplemented.ErrorCode, handler.ErrInvalidUploadLength.ErrorCode:
		return errPart
	case handler.ErrSizeExceeded.ErrorCode, handler.ErrMaxSizeExceeded.ErrorCode:
		a.Header().Set("Connection", "close") // the rest is not read
		return errTooMuch
	case handler.ErrLockTimeout.ErrorCode, handler.ErrFileLocked.ErrorCode:
		return errBusy
	}
	// A refused HEAD has no words. What is neither unknown nor ours is a body
	// that broke off: time-out, reset, or one that ended too soon.
	if a.method == http.MethodHead {
		if a.refused == http.StatusNotFound {
			return errUnknown
		}
		return errBusy
	}
	return errBroken
}
