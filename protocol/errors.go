package protocol

import "fmt"

// Code names an error for programs. Codes never change their meaning.
type Code string

// Codes of the device API. Pages use them as well.
const (
	CodeInvalid        Code = "invalid_request"
	CodeNotFound       Code = "not_found"
	CodeInternal       Code = "internal"
	CodeThrottled      Code = "too_many_attempts"
	CodeVersion        Code = "version_unsupported"
	CodeSignIn         Code = "sign_in_required"
	CodeForbidden      Code = "forbidden"
	CodeConflict       Code = "conflict"
	CodeStorageFull    Code = "storage_full"
	CodeUnavailable    Code = "unavailable"
	CodeDeviceUnknown  Code = "device_unknown"
	CodeDeviceRevoked  Code = "device_revoked"
	CodeDeviceHeld     Code = "device_held"
	CodeCodeUnknown    Code = "code_unknown"
	CodeCodeUsed       Code = "code_used"
	CodeCodeExpired    Code = "code_expired"
	CodeCodeRevoked    Code = "code_revoked"
	CodeNameTaken      Code = "name_taken"
	CodeHopUnknown     Code = "hop_unknown" // also for another device's hop: its existence is nobody's business
	CodeReplyDiffers   Code = "reply_differs"
	CodeReplyForwarded Code = "reply_forwarded"
	CodeUploadUnknown  Code = "upload_unknown"
	CodeDigestMismatch Code = "digest_mismatch"
	CodeMediaRefused   Code = "media_refused"
)

// ProblemType is the media type of an error body (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is the one error body of the API. Detail is a whole sentence for
// people; Next says what to do.
type Problem struct {
	Type   string `json:"type,omitempty"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
	Code   Code   `json:"code"`
	// State is the true state where a request conflicts with it.
	State string `json:"state,omitempty"`
}

func (p *Problem) Error() string {
	if p.Next == "" {
		return fmt.Sprintf("%s (%s)", p.Detail, p.Code)
	}
	return fmt.Sprintf("%s %s (%s)", p.Detail, p.Next, p.Code)
}
