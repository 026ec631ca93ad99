package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/pion/opus"
)

const (
	opusRate = 48_000
	// opusLongest is the longest packet, 120 ms.
	opusLongest = opusRate * 120 / 1000
)

func openOpus(f *file, head []byte, granule int64) (track, error) {
	if len(head) < 19 || head[8]>>4 != 0 {
		return track{}, errors.New("opus: short or unknown header")
	}
	channels, family := int(head[9]), head[18]
	if family != 0 || channels < 1 || channels > 2 {
		return track{}, refusef(UnknownEncoding, "opus: %d channels, mapping %d", channels, family)
	}
	le := binary.LittleEndian
	skip := int64(le.Uint16(head[10:]))
	gain := float32(ratio(float64(int16(le.Uint16(head[16:]))) / 256))
	t := track{format: format{rate: opusRate, channels: channels}, frames: -1}
	if granule >= skip {
		t.frames = granule - skip
	}
	t.open = func() (decoder, error) {
		o := newOggReader(f)
		for range 2 { // the head and the comments
			if _, _, err := o.next(); err != nil {
				return nil, noEOF(err)
			}
		}
		d, err := opus.NewDecoderWithOutput(opusRate, channels)
		if err != nil {
			return nil, fmt.Errorf("opus: %w", err)
		}
		return &opusDecoder{
			o: o, d: d, channels: channels, skip: skip, gain: gain, trim: trim{t.frames},
			out: make([]float32, opusLongest*channels),
		}, nil
	}
	return t, nil
}

type opusDecoder struct {
	o        *oggReader
	d        opus.Decoder
	channels int
	skip     int64 // frames that only warm the decoder up
	gain     float32
	trim     trim
	out      []float32
}

func (d *opusDecoder) next() ([]float32, error) {
	packet, cut, err := d.o.next()
	if err != nil {
		return nil, err
	}
	if cut {
		return nil, errors.New("opus: packet too long")
	}
	if len(packet) == 0 {
		return nil, nil
	}
	n, err := d.d.DecodeToFloat32(packet, d.out)
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	if n < 0 || n > opusLongest {
		return nil, fmt.Errorf("opus: packet of %d samples", n)
	}
	drop := min(d.skip, int64(n))
	d.skip -= drop
	block := d.out[int(drop)*d.channels : n*d.channels]
	if math.Abs(float64(d.gain)-1) > 1e-6 {
		for i := range block {
			block[i] *= d.gain
		}
	}
	return d.trim.cut(block, d.channels), nil
}
