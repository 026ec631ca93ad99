package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/jfreymuth/vorbis"
)

func openVorbis(f *file, head []byte, granule int64) (track, error) {
	if len(head) < 30 {
		return track{}, errors.New("vorbis: short header")
	}
	t := track{
		format: format{rate: int(binary.LittleEndian.Uint32(head[12:])), channels: int(head[11])},
		frames: granule,
	}
	if err := t.check(); err != nil {
		return track{}, err
	}
	// The two block sizes are powers of two from 64 to 8192, the first not the larger.
	small, large := head[28]&15, head[28]>>4
	if small < 6 || large > 13 || small > large {
		return track{}, errors.New("vorbis: block sizes")
	}
	t.open = func() (decoder, error) {
		o := newOggReader(f)
		d := &vorbisDecoder{o: o, channels: t.channels, trim: trim{granule}}
		for i := range 3 {
			packet, cut, err := o.next()
			if err != nil {
				return nil, noEOF(err)
			}
			switch i {
			case 1:
				continue // comments: not needed, and their reader believes any count
			case 2:
				if cut {
					return nil, errors.New("vorbis: set-up too long")
				}
				if err := checkVorbisSetup(packet); err != nil {
					return nil, err
				}
			}
			if err := d.d.ReadHeader(packet); err != nil {
				return nil, err
			}
		}
		d.out = make([]float32, d.d.BufferSize())
		return d, nil
	}
	return t, nil
}

type vorbisDecoder struct {
	o        *oggReader
	d        vorbis.Decoder
	channels int
	trim     trim
	out      []float32
}

func (d *vorbisDecoder) next() ([]float32, error) {
	packet, cut, err := d.o.next()
	if err != nil {
		return nil, err
	}
	if cut {
		return nil, errors.New("vorbis: packet too long")
	}
	if len(packet) == 0 || packet[0]&1 != 0 {
		return nil, nil // no sound: the format tells decoders to pass over it
	}
	block, err := d.d.DecodeInto(packet, d.out)
	if err != nil {
		return nil, fmt.Errorf("vorbis: %w", err)
	}
	return d.trim.cut(block, d.channels), nil
}

const (
	vorbisMaxBook    = 1 << 15 // entries of one codebook; encoders stay under 7,000
	vorbisMaxEntries = 1 << 17 // of all codebooks
	vorbisMaxValues  = 1 << 20 // numbers that the codebooks hold
)

var errVorbisSetup = errors.New("vorbis: codebooks")

// checkVorbisSetup reads the codebooks as the library will, and refuses those
// with which it would reserve gigabytes or never end: it trusts entry counts,
// zero dimensions and codebooks that stop short, and neither an endless loop
// nor exhausted memory can be recovered from.
func checkVorbisSetup(packet []byte) error {
	if len(packet) < 8 || string(packet[:7]) != "\x05vorbis" {
		return errors.New("vorbis: set-up expected")
	}
	r := &bitReader{data: packet[7:]}
	entries, values := 0, 0
	for range r.read(8) + 1 {
		e, v, err := checkCodebook(r)
		if err != nil {
			return err
		}
		entries, values = entries+e, values+v
		if entries > vorbisMaxEntries || values > vorbisMaxValues {
			return errVorbisSetup
		}
	}
	return nil
}

func checkCodebook(r *bitReader) (entries, values int, err error) {
	if r.read(24) != 0x564342 {
		return 0, 0, errVorbisSetup
	}
	dimensions := r.read(16)
	entries = r.read(24)
	if dimensions == 0 || entries == 0 || entries > vorbisMaxBook || entries*dimensions > vorbisMaxValues {
		return 0, 0, errVorbisSetup
	}
	if !readCodewords(r, entries) || r.short {
		return 0, 0, errVorbisSetup
	}
	kind := r.read(4)
	if kind == 0 {
		return entries, 0, nil
	}
	if kind > 2 {
		return 0, 0, errVorbisSetup
	}
	r.skip(64)
	width := r.read(4) + 1
	r.skip(1)
	values = entries * dimensions
	if kind == 1 {
		r.skip(latticeSide(entries, dimensions) * width)
	} else {
		r.skip(values * width)
	}
	if r.short {
		return 0, 0, errVorbisSetup
	}
	return entries, values, nil
}

// readCodewords passes over the codeword lengths; false where none is used or
// their runs do not add up.
func readCodewords(r *bitReader, entries int) bool {
	if r.read(1) == 0 {
		sparse, used := r.read(1) == 1, false
		for range entries {
			if !sparse || r.read(1) == 1 {
				r.skip(5)
				used = true
			}
		}
		return used
	}
	r.skip(5)
	for at := 0; at < entries; {
		n := r.read(bits.Len(uint(entries - at)))
		if n > entries-at || r.short {
			return false
		}
		at += n
	}
	return true
}

// latticeSide is the greatest n with n^dimensions <= entries, rounded exactly
// as the library rounds it, so that both read the same bits.
func latticeSide(entries, dimensions int) int {
	return int(math.Floor(math.Pow(float64(entries), 1/float64(dimensions))))
}

// bitReader reads Vorbis' little-endian bits; past the end it yields zeros and
// is short.
type bitReader struct {
	data  []byte
	pos   int // bits
	short bool
}

func (r *bitReader) read(n int) int {
	v := 0
	for i := range n {
		at := r.pos + i
		if at>>3 >= len(r.data) {
			r.short = true
			return 0
		}
		v |= int(r.data[at>>3]>>(at&7)&1) << i
	}
	r.pos += n
	return v
}

func (r *bitReader) skip(n int) {
	r.pos += n
	r.short = r.short || r.pos > 8*len(r.data)
}
