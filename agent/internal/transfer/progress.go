package transfer

import "errors"

// progress is how far a file had come when a transfer of it broke off.
type progress struct {
	digest string
	at     int64
}

// brokenOff is the error of a transfer that knows how far it had come.
type brokenOff struct {
	error
	progress
}

func (b *brokenOff) Unwrap() error { return b.error }

// further reports that err broke off further on than the failure before it,
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
		return before.digest != "" || b.at > 0 // the file before it is done
	}
	return b.at > before.at
}
