package media

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
)

func openFLAC(f *file) (track, error) {
	// The library reserves what the first block claims when that is not the
	// stream's description; so look first.
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return track{}, err
	}
	if string(head[:4]) != "fLaC" || head[4]&0x7f != 0 || head[5] != 0 || head[6] != 0 || head[7] != 34 {
		return track{}, fmt.Errorf("flac: does not begin with its stream information")
	}
	s, err := flac.New(f.from(0))
	if err != nil {
		return track{}, fmt.Errorf("flac: %w", err)
	}
	t := track{
		format: format{rate: int(s.Info.SampleRate), channels: int(s.Info.NChannels)},
		frames: int64(s.Info.NSamples),
		open: func() (decoder, error) {
			s, err := flac.New(f.from(0))
			if err != nil {
				return nil, fmt.Errorf("flac: %w", err)
			}
			return &flacDecoder{s: s}, nil
		},
	}
	if t.frames == 0 {
		t.frames = -1 // not known to the encoder
	}
	return t, nil
}

type flacDecoder struct {
	s     *flac.Stream
	total uint64
	out   []float32
}

func (d *flacDecoder) next() ([]float32, error) {
	fr, err := d.s.ParseNext()
	if errors.Is(err, io.EOF) && d.total < d.s.Info.NSamples {
		return nil, fmt.Errorf("flac: %d samples of %d: %w", d.total, d.s.Info.NSamples, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, err
	}
	n, bits := len(fr.Subframes), fr.BitsPerSample
	if bits == 0 {
		bits = d.s.Info.BitsPerSample
	}
	if n != int(d.s.Info.NChannels) || bits == 0 || bits > 32 {
		return nil, fmt.Errorf("flac: frame of %d channels with %d bits", n, bits)
	}
	scale := 1 / float32(uint64(1)<<(bits-1))
	frames := len(fr.Subframes[0].Samples)
	d.total += uint64(frames)
	d.out = d.out[:0]
	for i := range frames {
		for _, sub := range fr.Subframes {
			d.out = append(d.out, float32(sub.Samples[i])*scale)
		}
	}
	return d.out, nil
}
