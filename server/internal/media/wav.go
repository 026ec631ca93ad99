package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// WAV is read by ourselves: go-audio/wav takes float samples for integers and
// believes the lengths that a header claims. Recorders that write to a pipe, or
// lose power, leave any length there; here the file's true size decides.

const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
	maxChunks     = 1000
	// openEnded: claims from here on are what recorders write while they do
	// not know the length yet.
	openEnded = 0x7ffff000
)

type wavFormat struct {
	format
	float bool
	bytes int // of one sample of one channel
}

func openWAV(f *file) (track, error) {
	var wf wavFormat
	pos := int64(12)
	for range maxChunks {
		var head [8]byte
		if _, err := f.ReadAt(head[:], pos); err != nil {
			return track{}, fmt.Errorf("wav: no sound found: %w", err)
		}
		claim, start := int64(binary.LittleEndian.Uint32(head[4:])), pos+8
		switch string(head[:4]) {
		case "fmt ":
			var err error
			if wf, err = readWAVFormat(f, start, claim); err != nil {
				return track{}, err
			}
		case "data":
			return wavTrack(f, wf, start, claim)
		}
		pos = start + claim + claim&1
	}
	return track{}, errors.New("wav: too many chunks before the sound")
}

func readWAVFormat(f *file, start, size int64) (wavFormat, error) {
	b := make([]byte, min(max(size, 16), 40))
	if _, err := f.ReadAt(b, start); err != nil {
		return wavFormat{}, fmt.Errorf("wav: format: %w", err)
	}
	le := binary.LittleEndian
	tag := le.Uint16(b)
	if tag == wavExtensible && len(b) >= 26 {
		tag = le.Uint16(b[24:])
	}
	bits := int(le.Uint16(b[14:]))
	wf := wavFormat{
		format: format{rate: int(le.Uint32(b[4:])), channels: int(le.Uint16(b[2:]))},
		float:  tag == wavFloat,
		bytes:  bits / 8,
	}
	known := tag == wavPCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32) ||
		tag == wavFloat && (bits == 32 || bits == 64)
	if !known {
		return wavFormat{}, refusef(UnknownEncoding, "wav: format %d with %d bits", tag, bits)
	}
	return wf, wf.check()
}

func wavTrack(f *file, wf wavFormat, start, claim int64) (track, error) {
	if wf.channels == 0 {
		return track{}, errors.New("wav: sound before its format")
	}
	there := f.size - start
	length := min(claim, there)
	if claim == 0 {
		length = there // a pipe's header that was never completed
	}
	frame := int64(wf.bytes * wf.channels)
	length -= length % frame
	return track{
		format:     wf.format,
		frames:     length / frame,
		incomplete: claim > there && claim < openEnded,
		open: func() (decoder, error) {
			return &wavDecoder{
				wf: wf, r: io.NewSectionReader(f, start, length),
				raw: make([]byte, 4096*frame), out: make([]float32, 4096*wf.channels),
			}, nil
		},
	}, nil
}

type wavDecoder struct {
	wf  wavFormat
	r   io.Reader
	raw []byte
	out []float32
}

func (d *wavDecoder) next() ([]float32, error) {
	n, err := io.ReadFull(d.r, d.raw)
	if err == io.ErrUnexpectedEOF && n > 0 {
		err = nil // the last block
	}
	if err != nil {
		return nil, err
	}
	out := d.out[:n/d.wf.bytes]
	for i := range out {
		out[i] = d.sample(d.raw[i*d.wf.bytes:])
	}
	return out, nil
}

func (d *wavDecoder) sample(b []byte) float32 {
	le := binary.LittleEndian
	switch {
	case d.wf.float && d.wf.bytes == 8:
		return float32(math.Float64frombits(le.Uint64(b)))
	case d.wf.float:
		return math.Float32frombits(le.Uint32(b))
	case d.wf.bytes == 1:
		return (float32(b[0]) - 128) / 128
	case d.wf.bytes == 2:
		return float32(int16(le.Uint16(b))) / (1 << 15)
	case d.wf.bytes == 3:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	}
	return float32(int32(le.Uint32(b))) / (1 << 31)
}

// wavHeader starts a mono 16-bit file of n samples.
func wavHeader(rate int, n int64) []byte {
	le := binary.LittleEndian
	size := uint32(2 * n) // at most 58 MB, see sharedRate
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(b[4:], 36+size)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, wavPCM)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, size)
}
