package model

import (
	"errors"
	"fmt"
	"time"

	"illumi/protocol"
)

// Error is a refusal with a code for programs and a sentence for people.
// Everything else that goes wrong is internal: logged once, never shown.
type Error struct {
	Code     protocol.Code
	Sentence string
	Next     string // what to do
	Field    string // the form field it is about, if any
	State    string // the true state, where a request conflicts with it
	// RetryAfter says when trying again makes sense; zero: unknown.
	RetryAfter time.Duration
	Wrapped    error
}

func (e *Error) Error() string {
	if e.Wrapped != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Sentence, e.Wrapped)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Sentence)
}

func (e *Error) Unwrap() error { return e.Wrapped }

// Refuse makes a refusal.
func Refuse(code protocol.Code, sentence, next string) *Error {
	return &Error{Code: code, Sentence: sentence, Next: next}
}

// RefuseField makes a refusal about one field of a form.
func RefuseField(field, sentence, next string) *Error {
	return &Error{Code: protocol.CodeInvalid, Field: field, Sentence: sentence, Next: next}
}

// AsError returns the refusal in err, if there is one.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// NotFound is the answer for what does not exist and for what is not the
// asker's: both sound the same.
func NotFound(what string) *Error {
	return Refuse(protocol.CodeNotFound, "This "+what+" does not exist, or it is not yours to see.", "Go back to the list and choose again.")
}
