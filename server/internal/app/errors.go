package app

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// status maps each code to its HTTP status; a test walks over all codes.
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

// renderer is the one place that turns an error into an answer. A refusal is
// shown as it is; everything else is "internal": logged once, never shown.
func renderer(pages Pages, log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		refusal, code := refusalOf(err)
		route := c.Path()
		if refusal.Code == protocol.CodeInternal {
			log.Error("request failed", "method", c.Request().Method, "route", route, "error", err)
		} else {
			log.Debug("request refused", "method", c.Request().Method, "route", route, "code", string(refusal.Code))
		}
		if refusal.RetryAfter > 0 {
			c.Response().Header().Set("Retry-After", retryAfter(refusal.RetryAfter))
		}
		var rerr error
		if pages == nil || wantsProblem(c.Request()) {
			rerr = problem(c, code, refusal)
		} else {
			rerr = pages.RenderError(c, code, refusal)
		}
		if rerr != nil {
			log.Error("an error could not be rendered", "route", route, "error", rerr)
		}
	}
}

func refusalOf(err error) (*model.Error, int) {
	if refusal, ok := model.AsError(err); ok {
		return refusal, status[refusal.Code]
	}
	var he *echo.HTTPError
	if errors.As(err, &he) && he.Code < http.StatusInternalServerError {
		switch he.Code {
		case http.StatusNotFound, http.StatusMethodNotAllowed:
			return model.Refuse(protocol.CodeNotFound, "This address does not exist.", "Go back and choose again."), he.Code
		case http.StatusForbidden:
			return model.Refuse(protocol.CodeForbidden, "This request came from another site and was stopped.", "Open the page itself and try again."), he.Code
		}
		return model.Refuse(protocol.CodeInvalid, "The request could not be read.", "Try again."), he.Code
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
	title := http.StatusText(code)
	if title == "" {
		title = "Refused"
	}
	return c.JSON(code, protocol.Problem{
		Title: title, Status: code, Detail: e.Sentence, Next: e.Next, Code: e.Code, State: e.State,
	})
}

func wantsProblem(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/app/uploads")
}
