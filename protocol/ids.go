package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValidID reports whether s is a UUID in its one canonical spelling: 36
// characters, lower case. The rest of the system makes version 7.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !isLowerHex(c):
			return false
		}
	}
	return true
}

// ValidDigest reports whether s is a SHA-256 as 64 lower-case hex digits.
func ValidDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if !isLowerHex(s[i]) {
			return false
		}
	}
	return true
}

func isLowerHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}

// CodeAlphabet has no look-alikes: no 0 O, 1 I L, U V kept apart by dropping U.
const CodeAlphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// CodeLength is the number of characters of an enrolment code (49 bits; used
// once, 24 hours, throttled).
const CodeLength = 10

// NormalizeCode turns what an installer typed or pasted into the stored form:
// upper case, without spaces and dashes. ok is false where it cannot be a code.
func NormalizeCode(typed string) (code string, ok bool) {
	var b strings.Builder
	for _, r := range typed {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			continue
		}
		// Only ASCII is raised: U+017F would become an S.
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		switch {
		case !strings.ContainsRune(CodeAlphabet, r):
			return "", false
		case b.Len() == CodeLength:
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == CodeLength
}

// FormatCode is how a code is shown: two groups of five.
func FormatCode(code string) string {
	if len(code) != CodeLength {
		return code
	}
	return code[:5] + "-" + code[5:]
}

// SecretBytes is the size of the secret that a box makes for itself.
const SecretBytes = 32

// ValidSecret reports whether s is a box's secret: 64 lower-case hex digits.
func ValidSecret(s string) bool { return ValidDigest(s) }

// HashSecret is what the server stores of a secret. The secret is random and
// long, so a plain digest cannot be guessed.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// CleanName trims a name for people and reports whether it may be kept: 1 to
// MaxNameRunes runes, valid UTF-8, something to see, no control or invisible
// formatting characters but the joiners that Persian and some emoji need.
func CleanName(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxNameRunes {
		return "", false
	}
	visible := false
	for _, r := range s {
		if r == '\u200c' || r == '\u200d' {
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return "", false
		}
		visible = visible || !unicode.IsSpace(r)
	}
	return s, visible
}
