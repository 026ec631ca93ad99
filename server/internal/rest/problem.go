package rest

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"illumi/protocol"
)

// Problem is the one error body (RFC 9457): a stable code for programs, a
// sentence for people, and what to do next.
type Problem struct {
	Title  string        `json:"title" doc:"The status in words" example:"Unprocessable Entity"`
	Status int           `json:"status" doc:"The HTTP status" example:"422"`
	Detail string        `json:"detail" doc:"What is wrong, in a sentence for people" example:"The recording is missing."`
	Next   string        `json:"next,omitempty" doc:"What to do about it" example:"Choose a recording; every whisper starts with a voice."`
	Code   protocol.Code `json:"code" doc:"What is wrong, for programs; codes never change their meaning" example:"invalid_request"`
	State  string        `json:"state,omitempty" doc:"The true state, where the request conflicts with it"`
	Errors []FieldError  `json:"errors,omitempty" doc:"Where the request is wrong"`

	retry time.Duration
}

// FieldError is one thing that is wrong with a request.
type FieldError struct {
	Location string `json:"location" doc:"Where" example:"body.audio"`
	Message  string `json:"message" doc:"What" example:"expected required property audio to be present"`
}

// Error is the sentence.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the body's type.
func (p *Problem) ContentType(string) string { return protocol.ProblemType }

// GetHeaders says when trying again makes sense.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retry/time.Second)+1))
	}
	return h
}

// What huma refuses by itself, it refuses in our words. It has one such
// function for the whole program, and this package is its only user. The
// values that were sent are not repeated: they may be secrets.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := &Problem{
			Title: cmp.Or(http.StatusText(status), "Refused"), Status: status, Code: protocol.CodeInvalid,
			Detail: "The request does not fit this operation.", Next: "Compare it with /api/v1/openapi.json.",
		}
		if status == http.StatusInternalServerError {
			p.Code, p.Detail, p.Next = protocol.CodeInternal, "Something went wrong here. Nothing was changed.", "Try again in a moment."
		}
		for _, err := range errs {
			if d, ok := err.(huma.ErrorDetailer); ok {
				p.Errors = append(p.Errors, FieldError{d.ErrorDetail().Location, d.ErrorDetail().Message})
			}
		}
		if len(errs) == 0 && message != "" {
			p.Errors = append(p.Errors, FieldError{"body", message})
		}
		return p
	}
}
