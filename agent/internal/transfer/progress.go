package transfer

import (
	"errors"
	"time"

	"illumi/agent/internal/retry"
)

// progress is how far a file had come when a transfer of it broke off.
type progress struct {
	digest string
	at     int64
	// under: bytes beyond it were under way. Whether they arrived, only the next
	// attempt learns.
	under bool
}

// brokenOff is the error of a transfer that knows how far it had come.
type brokenOff struct {
	error
	progress
}

func (b *brokenOff) Unwrap() error { return b.error }

// further reports that err broke off clearly further on than the failure before it,
// and remembers the place. Such a line is bad, not dead: waiting longer each
// time would let a long recording take hours.
func (p *progress) further(err error) bool {
	b, ok := errors.AsType[*brokenOff](err)
	if !ok {
		return false
	}
	before := *p
	*p = b.progress
	if b.digest != before.digest {
		return before.digest != "" || b.at > 0 || b.under // the file before it is done
	}
	return b.at-before.at >= worthwhile
}

// worthwhile is how many bytes an attempt must bring: a way that lets through one
// at a time would cost a box on a paid line more in greetings than it brings.
const worthwhile = 1 << 10

// pause is how long to wait after a failure: hardly at all where the attempt
// came further, else longer each time, and never less than the server asks for.
func (p *progress) pause(err error, b *retry.Backoff) time.Duration {
	wait := b.Next
	if p.further(err) {
		wait = b.Soon
	}
	return max(wait(), retryAfter(err))
}
