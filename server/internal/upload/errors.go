package upload

import (
	"context"
	"errors"
	"net/http"
	"syscall"

	"illumi/protocol"
	"illumi/server/internal/media"
	"illumi/server/internal/model"
)

// Refusals of this package.
var (
	errUnknown    = model.Refuse(protocol.CodeUploadUnknown, "This upload does not exist, or it is not yours.", "Begin the upload anew.")
	errUnfinished = model.Refuse(protocol.CodeConflict, "This upload is not complete yet.", "Send the rest of the file first.")
	errFinished   = model.Refuse(protocol.CodeConflict, "This upload is finished and cannot be taken back.", "Leave it: it is forgotten after a day unless it is used.")
	errDigest     = model.Refuse(protocol.CodeDigestMismatch, "The file that arrived is not the one that was announced.", "Send it again from the start.")
	errSlow       = model.Refuse(protocol.CodeMediaRefused, "This file takes too long to open.", "Save it anew in a common format, and choose it again.")
	errSilent     = model.Refuse(protocol.CodeMediaRefused, "This recording is silent.", "Listen to it and choose another.")
	errFull       = model.Refuse(protocol.CodeStorageFull, "The server's disk is full, so the file could not be kept.", "Try again later; the server's keeper has to make room.")
	errTooMany    = model.Refuse(protocol.CodeThrottled, "Too many uploads are unfinished.", "Finish or delete one of them, or try again in an hour.")
	errUnclaimed  = model.Refuse(protocol.CodeThrottled, "Too many uploads are waiting to be used.", "Use them, or try again tomorrow: what is not used is forgotten after a day.")
	errClosing    = model.Refuse(protocol.CodeUnavailable, "The server is about to restart.", "Try again in a moment; what has arrived is kept.")
	errBusy       = model.Refuse(protocol.CodeUnavailable, "This upload is being worked on.", "Try again in a moment.")
	errBroken     = model.Refuse(protocol.CodeUnavailable, "The connection broke before all bytes came.", "Ask how much arrived, then send the rest.")
	errTaken      = model.Refuse(protocol.CodeConflict, "Another connection has taken this upload over.", "Ask how much arrived, then send the rest.")
	errOffset     = model.Refuse(protocol.CodeConflict, "This part does not begin where the received bytes end.", "Ask how much arrived, then send the rest.")
	errMethod     = model.Refuse(protocol.CodeInvalid, "This cannot be done here.", "Use POST to begin, HEAD to ask, PATCH to send, DELETE to give up.")
	errVersion    = model.Refuse(protocol.CodeVersion, "The request does not speak tus 1.0.0.", "Send the header Tus-Resumable: 1.0.0.")
	errTooMuch    = model.Refuse(protocol.CodeInvalid, "More bytes came than were announced.", "Begin the upload anew with the true length.")
	errPart       = model.Refuse(protocol.CodeInvalid, "This part of an upload is not described properly.", "Send Content-Type: application/offset+octet-stream and a correct Upload-Offset.")
)

// refusedMedia turns what media refuses into a refusal; other errors stay.
func refusedMedia(err error) error {
	var m *media.Error
	if !errors.As(err, &m) {
		return err
	}
	return &model.Error{Code: protocol.CodeMediaRefused, Sentence: m.Sentence, Wrapped: m}
}

// full turns a full disk into a refusal; other errors stay.
func full(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	e := *errFull
	e.Wrapped = err
	return &e
}

// errUnsynced: the kernel may have dropped pages, and a second sync would not tell.
var errUnsynced = errors.New("upload: sync")

// waited turns a wait that ended early into "try again". Mostly the client has
// left. But one that is taken over just as its last byte is read finds its
// connection's deadline passed, and is listening.
func waited(err error) error {
	if errors.Is(err, context.Canceled) {
		return errBusy
	}
	return err
}

// gone reports that sending the same bytes of this upload on is of no use: it
// is refused for good, or its bytes can no longer be trusted.
func gone(err error) bool {
	if errors.Is(err, errUnsynced) || errors.Is(err, syscall.EIO) {
		return true
	}
	e, ok := model.AsError(err)
	return ok && (e.Code == protocol.CodeDigestMismatch || e.Code == protocol.CodeMediaRefused)
}

// Problem is what a client is told of err, with its HTTP status. What is not a
// refusal is "internal": the caller logs err itself.
func Problem(err error) *protocol.Problem {
	var p *protocol.Problem
	if errors.As(err, &p) {
		return p
	}
	e, ok := model.AsError(err)
	if !ok {
		e = model.Refuse(protocol.CodeInternal, "Something went wrong on the server.", "Try again; if it stays, tell the server's keeper.")
	}
	status := statusOf(e)
	title := http.StatusText(status)
	if status == protocol.StatusDigestMismatch {
		title = "Checksum Mismatch"
	}
	return &protocol.Problem{Title: title, Status: status, Detail: e.Sentence, Next: e.Next, Code: e.Code, State: e.State}
}

func statusOf(e *model.Error) int {
	if errors.Is(e, errMethod) {
		return http.StatusMethodNotAllowed
	}
	switch e.Code {
	case protocol.CodeInvalid:
		if errors.Is(e, errTooMuch) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	case protocol.CodeSignIn, protocol.CodeDeviceUnknown:
		return http.StatusUnauthorized
	case protocol.CodeForbidden, protocol.CodeDeviceRevoked, protocol.CodeDeviceHeld:
		return http.StatusForbidden
	case protocol.CodeNotFound, protocol.CodeUploadUnknown:
		return http.StatusNotFound
	case protocol.CodeConflict:
		return http.StatusConflict
	case protocol.CodeVersion:
		return http.StatusPreconditionFailed
	case protocol.CodeThrottled:
		return http.StatusTooManyRequests
	case protocol.CodeDigestMismatch:
		return protocol.StatusDigestMismatch
	case protocol.CodeMediaRefused:
		return mediaStatus(e)
	case protocol.CodeUnavailable:
		return http.StatusServiceUnavailable
	case protocol.CodeStorageFull:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// mediaStatus tells a file of the wrong kind (415) from one that is too large
// (413) and from one of the right kind that cannot be used (422).
func mediaStatus(e *model.Error) int {
	var m *media.Error
	if !errors.As(e, &m) {
		return http.StatusUnprocessableEntity
	}
	switch m.Code {
	case media.FileTooLarge:
		return http.StatusRequestEntityTooLarge
	case media.EmptyFile, media.TooManyPixels, media.PictureTooHeavy, media.TooLong, media.TooShort, media.DamagedFile, media.ConversionFailed:
		return http.StatusUnprocessableEntity
	}
	return http.StatusUnsupportedMediaType
}
