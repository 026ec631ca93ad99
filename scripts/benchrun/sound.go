package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"time"
)

const samplesPerSecond = 48_000

// recording writes a WAV with a tone and some noise, one channel of 16 bits, that
// no other recording equals.
func recording(path string, length time.Duration) error {
	n := int(length.Seconds() * samplesPerSecond)
	data := make([]byte, 44, 44+2*n)
	copy(data, "RIFF")
	copy(data[8:], "WAVEfmt ")
	copy(data[36:], "data")
	le := binary.LittleEndian
	le.PutUint32(data[4:], uint32(36+2*n))
	le.PutUint32(data[16:], 16)
	le.PutUint16(data[20:], 1)
	le.PutUint16(data[22:], 1)
	le.PutUint32(data[24:], samplesPerSecond)
	le.PutUint32(data[28:], 2*samplesPerSecond)
	le.PutUint16(data[32:], 2)
	le.PutUint16(data[34:], 16)
	le.PutUint32(data[40:], uint32(2*n))
	pitch := 200 + 400*rand.Float64()
	for i := range n {
		v := 9000*math.Sin(2*math.Pi*pitch*float64(i)/samplesPerSecond) + 300*rand.NormFloat64()
		data = le.AppendUint16(data, uint16(int16(v)))
	}
	return os.WriteFile(path, data, 0o600)
}
