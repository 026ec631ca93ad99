package protocol

import (
	"errors"
	"io"
	"math/rand/v2"
)

// PathSpeed lets a box time its line: GET gives SpeedSize bytes, POST takes at
// most as many and says how many came. Nothing is kept.
const PathSpeed = "/api/v1/device/speed"

// SpeedSize is enough to tell a slow line from a fast one, and little enough
// for one that is paid by the byte.
const SpeedSize = 512 << 10

// SpeedReceipt answers a POST to PathSpeed.
type SpeedReceipt struct {
	Received int64 `json:"received"`
}

// Check reports what is wrong with it.
func (r SpeedReceipt) Check() error {
	if r.Received < 0 {
		return errors.New("the receipt has a negative size")
	}
	return nil
}

// SpeedBytes are SpeedSize bytes that cannot be compressed, the same ones each
// time: nobody's secret, and nobody's data.
func SpeedBytes() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), SpeedSize)
}
