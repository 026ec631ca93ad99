package model

import "time"

// PreparedState is where an export that is made ready on the server stands.
type PreparedState string

// States of an export.
const (
	PreparedQueued  PreparedState = "queued"
	PreparedWorking PreparedState = "working"
	PreparedReady   PreparedState = "ready"
	PreparedFailed  PreparedState = "failed"
)

// PreparedLifetime is how long an export stays to be fetched.
const PreparedLifetime = 7 * 24 * time.Hour

// Prepared is an export that is made ready on the server.
type Prepared struct {
	ID        string
	ProjectID string
	UserID    string
	Wish      string // as JSON
	State     PreparedState
	Size      int64 // bytes
	LastError string
	CreatedAt time.Time
	DoneAt    time.Time
	ExpiresAt time.Time
}
