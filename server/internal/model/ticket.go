package model

import "time"

// State says what the link is good for at now.
func (t Ticket) State(now time.Time) CodeState {
	return EnrolCode{UsedAt: t.UsedAt, RevokedAt: t.RevokedAt, ExpiresAt: t.ExpiresAt}.State(now)
}
