package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// status maps each code to its HTTP status; a test walks over all codes, and
// over the table in docs/protocol.md.
var status = map[protocol.Code]int{
	protocol.CodeInvalid:        http.StatusUnprocessableEntity,
	protocol.CodeNotFound:       http.StatusNotFound,
	protocol.CodeInternal:       http.StatusInternalServerError,
	protocol.CodeThrottled:      http.StatusTooManyRequests,
	protocol.CodeVersion:        http.StatusBadRequest,
	protocol.CodeSignIn:         http.StatusUnauthorized,
	protocol.CodeForbidden:      http.StatusForbidden,
	protocol.CodeConflict:       http.StatusConflict,
	protocol.CodeStorageFull:    http.StatusInsufficientStorage,
	protocol.CodeUnavailable:    http.StatusServiceUnavailable,
	protocol.CodeDeviceUnknown:  http.StatusUnauthorized,
	protocol.CodeDeviceRevoked:  http.StatusForbidden,
	protocol.CodeDeviceHeld:     http.StatusForbidden,
	protocol.CodeCodeUnknown:    http.StatusNotFound,
	protocol.CodeCodeUsed:       http.StatusConflict,
	protocol.CodeCodeExpired:    http.StatusGone,
	protocol.CodeCodeRevoked:    http.StatusGone,
	protocol.CodeNameTaken:      http.StatusConflict,
	protocol.CodeHopUnknown:     http.StatusNotFound,
	protocol.CodeReplyDiffers:   http.StatusConflict,
	protocol.CodeReplyForwarded: http.StatusConflict,
	protocol.CodeUploadUnknown:  http.StatusConflict,
	protocol.CodeDigestMismatch: protocol.StatusDigestMismatch,
	protocol.CodeMediaRefused:   http.StatusUnsupportedMediaType,
}

// Pages renders a refusal as a page or a fragment.
type Pages interface {
	RenderError(c echo.Context, status int, e *model.Error) error
}

// statusError gives an error another status than its code's. Tus clients act
// on statuses that tus defines, so uploads bring their own.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

// panicError is what a handler's panic becomes.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// renderer is the one place that turns an error into an answer. A refusal is
// shown as it is; everything else is "internal": logged once, never shown.
func renderer(pages Pages, log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		r := c.Request()
		program := wantsProblem(r)
		refusal, code := refusalOf(err, program)
		_, unread := errors.AsType[*unreadError](err)
		facts := []any{"method", r.Method, "route", c.Path()}
		if unread || errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			log.Debug("the client went away", facts...)
			return
		}
		note(log, err, refusal, facts)
		if c.Response().Committed {
			return
		}
		if refusal.RetryAfter > 0 {
			c.Response().Header().Set("Retry-After", retryAfter(refusal.RetryAfter))
		}
		var rerr error
		if pages == nil || program {
			rerr = problem(c, code, refusal)
		} else {
			rerr = pages.RenderError(c, code, refusal)
		}
		if _, unread := errors.AsType[*unreadError](rerr); rerr != nil && !unread {
			log.Error("an error could not be rendered", append(facts, "error", rerr)...)
		}
	}
}

// note logs what went wrong, once, as loud as it is.
func note(log *slog.Logger, err error, refusal *model.Error, facts []any) {
	switch refusal.Code {
	case protocol.CodeInternal:
		if p, ok := errors.AsType[*panicError](err); ok {
			facts = append(facts, "stack", p.stack)
		}
		log.Error("request failed", append(facts, "error", err)...)
	case protocol.CodeStorageFull:
		log.Error("the disk is full", append(facts, "error", err)...)
	default:
		log.Debug("request refused", append(facts, "code", string(refusal.Code))...)
	}
}

// refusalOf is what err tells: a person at a page, or a program.
func refusalOf(err error, program bool) (*model.Error, int) {
	if refusal, ok := model.AsError(err); ok {
		if own, ok := errors.AsType[statusError](err); ok {
			return refusal, own.status
		}
		if code, ok := status[refusal.Code]; ok {
			return refusal, code
		}
		return refusal, http.StatusInternalServerError
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return model.Refuse(protocol.CodeInvalid, "The request is too large.", "Send less at once."), http.StatusRequestEntityTooLarge
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok && he.Code < http.StatusInternalServerError {
		switch he.Code {
		case http.StatusNotFound:
			return model.Refuse(protocol.CodeNotFound, "This address does not exist.", "Go back and choose again."), he.Code
		case http.StatusMethodNotAllowed:
			next := "Go back, and use the links and buttons of the page."
			if program {
				next = "Use one of the methods of the header Allow."
			}
			return model.Refuse(protocol.CodeInvalid, "This cannot be done at this address.", next), he.Code
		}
		return model.Refuse(protocol.CodeInvalid, "The request could not be read.", "Try again."), he.Code
	}
	if errors.Is(err, store.ErrFull) {
		return &model.Error{
			Code: protocol.CodeStorageFull, Sentence: "The server's disk is full. Nothing was changed.",
			Next: "Try again later; the server's keeper has to make room.", Wrapped: err,
		}, status[protocol.CodeStorageFull]
	}
	return &model.Error{
		Code: protocol.CodeInternal, Sentence: "Something went wrong here. Nothing was changed.",
		Next: "Try again in a moment; if it stays so, tell your administrator.", Wrapped: err,
	}, http.StatusInternalServerError
}

func problem(c echo.Context, code int, e *model.Error) error {
	c.Response().Header().Set(echo.HeaderContentType, protocol.ProblemType)
	if c.Request().Method == http.MethodHead {
		return c.NoContent(code)
	}
	return c.JSON(code, problemOf(code, e))
}

func problemOf(code int, e *model.Error) protocol.Problem {
	return protocol.Problem{
		Title: cmp.Or(http.StatusText(code), "Refused"), Status: code, Detail: e.Sentence, Next: e.Next, Code: e.Code, State: e.State,
	}
}

func wantsProblem(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || isUpload(r)
}
