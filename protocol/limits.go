package protocol

import "time"

// Limits of what may be sent. Sizes in bytes; design 4.4 gives the numbers.
const (
	MaxImageBytes   = 25_000_000
	MaxImagePixels  = 60_000_000
	MaxAudioBytes   = 100_000_000
	MaxAudioSeconds = 600
	// MaxSharedSide is the longer side, in pixels, of a picture that is shown or forwarded.
	MaxSharedSide = 2048
	// MaxMessageBytes bounds one websocket message; media never travels there.
	MaxMessageBytes = 64 << 10
	// MaxBodyBytes bounds one JSON request.
	MaxBodyBytes = 256 << 10
	// MaxNameRunes bounds the name of a box, a project or a whisper.
	MaxNameRunes = 80
	// MaxOffers bounds one page of offers.
	MaxOffers = 100
	// MaxEpoch bounds how often a hop is offered anew.
	MaxEpoch = 1_000_000
	// MaxRecallSeconds bounds the time in which a reply can be taken back: a week.
	MaxRecallSeconds = 7 * 24 * 60 * 60
)

// Heartbeat of the socket, both ways (design 4.2).
const (
	PingEvery = 20 * time.Second
	DeadAfter = 60 * time.Second
)

// StatusDigestMismatch is the tus status for a file that is not what was
// announced (the checksum extension of tus 1.0).
const StatusDigestMismatch = 460
