package model

import (
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"illumi/protocol"
)

// MaxBoxes bounds one whisper's chain.
const MaxBoxes = 200

// MaxWhispers bounds how many whispers one start can make.
const MaxWhispers = 50

// MinPassword and MaxPassword bound a password's length in runes and bytes;
// length is what makes it strong, and argon2 reads all of it.
const (
	MinPassword = 12
	MaxPassword = 256
)

// CleanEmail trims and lower-cases an address; databases disagree about case
// and trailing blanks, so only this form is stored.
func CleanEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 190 || strings.ContainsAny(s, "\r\n\x00<>") {
		return "", RefuseField("email", "This is not an e-mail address.", "Write it like name@example.org.")
	}
	return s, nil
}

// CleanTitle checks a name or title that people will read.
func CleanTitle(field, s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", RefuseField(field, "The name is missing.", "Write a few words.")
	}
	out, ok := protocol.CleanName(s)
	if !ok {
		return "", RefuseField(field, "This name is too long or has characters that cannot be shown.", "Use at most 80 letters, on one line.")
	}
	return out, nil
}

// CheckPassword reports whether a new password is long enough.
func CheckPassword(p string) error {
	switch {
	case !utf8.ValidString(p) || len(p) > MaxPassword:
		return RefuseField("password", "This password is too long.", "Use at most 256 characters.")
	case utf8.RuneCountInString(p) < MinPassword:
		return RefuseField("password", "This password is too short.", "Use 12 characters or more; four words will do.")
	}
	return nil
}

// CheckForwarding checks a project's way to forward.
func CheckForwarding(f Forwarding, hold time.Duration) error {
	switch f {
	case ForwardStraight:
		return nil
	case ForwardPause:
		if hold < time.Second || hold > MaxHold {
			return RefuseField("hold", "This pause is too short or too long.", "Choose between one second and seven days.")
		}
		return nil
	}
	return RefuseField("forwarding", "This way to forward does not exist.", "Choose straight, or after a pause.")
}
