package model

import "time"

// Over reports whether the token does not work any more at now.
func (t Token) Over(now time.Time) bool {
	return !t.RevokedAt.IsZero() || !now.Before(t.ExpiresAt)
}
