// Package beat has all that a box does from time to time done at the same
// moments: what wakes an idle processor is dear, and what is done while it is
// awake is cheap.
package beat

import (
	"math/rand/v2"
	"time"
)

// phase keeps the boxes of a house or a land from calling all at once.
var phase = rand.N(time.Hour)

// Next is how long to wait for the next moment of those that are d apart, d
// being a part of an hour. They lie on whole multiples of d before this box's own
// phase, so that those of five minutes are also those of one and of 20 seconds.
// It is at least half of d, at most one and a half: a wait that ended a little early is not followed by one of nothing, and a clock that
// is set anew moves the moments but once.
func Next(d time.Duration) time.Duration {
	next := d - time.Duration((time.Now().UnixNano()+int64(phase))%int64(d))
	if next < d/2 {
		next += d
	}
	return next
}
