package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// The boxes that contain others are walked here, to a fixed depth; the library
// reads the leaves. Its own walk recurses as deep as a file is nested.

const (
	m4aMaxIndex = 16 << 20 // bytes of one moov or moof; 10 minutes need 0.3 MB
	m4aMaxBoxes = 100_000
)

type m4aTrack struct {
	id, timescale, duration uint64
	sound, picture          bool
	channels, rate          int // as the first sample description states them
}

type m4aFile struct {
	tracks   []m4aTrack
	standard map[uint64]uint64 // sample duration by track, for fragments
	moving   map[uint64]uint64 // duration of the fragments by track
}

// openM4A reads how long the sound is. There is no decoder for AAC in Go
// without C, so the track is left to a Converter.
func openM4A(f *file) (track, error) {
	m := m4aFile{standard: map[uint64]uint64{}, moving: map[uint64]uint64{}}
	if err := m.read(f); err != nil {
		return track{}, fmt.Errorf("mp4: %w", err)
	}
	for _, t := range m.tracks {
		if t.picture {
			return track{}, refusef(VideoNotSupported, "mp4: has a picture track")
		}
	}
	for _, t := range m.tracks {
		if !t.sound {
			continue
		}
		if t.timescale < 1 || t.timescale > 1<<32 {
			return track{}, fmt.Errorf("mp4: %d units a second", t.timescale)
		}
		units := t.duration + m.moving[t.id]
		if units/t.timescale > 1<<32 {
			return track{}, errors.New("mp4: duration")
		}
		// For recordings of sound, the time unit mostly is the sampling interval.
		if t.timescale >= minRate && t.timescale <= maxRate {
			return track{
				format: format{rate: int(t.timescale), channels: t.channels},
				frames: int64(units),
			}, nil
		}
		seconds := float64(units) / float64(t.timescale)
		return track{
			format: format{rate: t.rate, channels: t.channels},
			frames: int64(seconds * float64(t.rate)),
		}, nil
	}
	return track{}, refusef(NotARecording, "mp4: no sound track")
}

// read goes through the top-level boxes.
func (m *m4aFile) read(f *file) error {
	found, pos := false, int64(0)
	for range m4aMaxBoxes {
		if pos >= f.size {
			break
		}
		var head [16]byte
		n, err := f.ReadAt(head[:], pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n < 8 {
			return io.ErrUnexpectedEOF
		}
		size, skip := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		switch size {
		case 0:
			size = f.size - pos
		case 1:
			size, skip = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if size < skip || size > f.size-pos {
			return io.ErrUnexpectedEOF // also a copy that ends within its sound
		}
		kind := string(head[4:8])
		if kind == "moov" || kind == "moof" {
			if size > m4aMaxIndex {
				return fmt.Errorf("%s of %d bytes", kind, size)
			}
			body := make([]byte, size-skip)
			if _, err := f.ReadAt(body, pos+skip); err != nil {
				return noEOF(err)
			}
			found = true
			if err := m.index(kind, body); err != nil {
				return err
			}
		}
		pos += size
	}
	if !found {
		return errors.New("no index: the recording was not finished")
	}
	return nil
}

func (m *m4aFile) index(kind string, body []byte) error {
	return boxes(body, func(k string, box, inner []byte) error {
		switch {
		case kind == "moov" && k == "trak":
			return m.trak(inner)
		case kind == "moov" && k == "mvex":
			return boxes(inner, m.trex)
		case kind == "moof" && k == "traf":
			return m.traf(inner)
		}
		return nil
	})
}

// boxes calls fn for each box in body, whole and without its header.
func boxes(body []byte, fn func(kind string, box, inner []byte) error) error {
	for len(body) >= 8 {
		size := int64(binary.BigEndian.Uint32(body))
		if size < 8 || size > int64(len(body)) {
			return fmt.Errorf("box of %d bytes in %d", size, len(body))
		}
		if err := fn(string(body[4:8]), body[:size], body[8:size]); err != nil {
			return err
		}
		body = body[size:]
	}
	return nil
}

// leaf lets the library read one box that contains no others.
func leaf[T any](box []byte) (T, error) {
	var zero T
	b, err := mp4.DecodeBox(0, bytes.NewReader(box))
	if err != nil {
		return zero, err
	}
	t, ok := b.(T)
	if !ok {
		return zero, fmt.Errorf("box is a %T", b)
	}
	return t, nil
}

func (m *m4aFile) trak(body []byte) error {
	var t m4aTrack
	err := boxes(body, func(kind string, box, inner []byte) error {
		switch kind {
		case "tkhd":
			b, err := leaf[*mp4.TkhdBox](box)
			if err != nil {
				return err
			}
			t.id = uint64(b.TrackID)
		case "mdia":
			return boxes(inner, t.mdia)
		}
		return nil
	})
	m.tracks = append(m.tracks, t)
	return err
}

func (t *m4aTrack) mdia(kind string, box, inner []byte) error {
	switch kind {
	case "mdhd":
		b, err := leaf[*mp4.MdhdBox](box)
		if err != nil {
			return err
		}
		t.timescale, t.duration = uint64(b.Timescale), b.Duration
	case "hdlr":
		b, err := leaf[*mp4.HdlrBox](box)
		if err != nil {
			return err
		}
		t.sound, t.picture = b.HandlerType == "soun", b.HandlerType == "vide"
	case "minf":
		return boxes(inner, func(kind string, _, inner []byte) error {
			if kind != "stbl" {
				return nil
			}
			return boxes(inner, func(kind string, _, inner []byte) error {
				// stsd: version, count, then the first entry: header 8,
				// reserved 16 with its reference, channels, 6 more, whole Hz.
				if kind == "stsd" && len(inner) >= 8+34 {
					t.channels = int(binary.BigEndian.Uint16(inner[8+24:]))
					t.rate = int(binary.BigEndian.Uint16(inner[8+32:]))
				}
				return nil
			})
		})
	}
	return nil
}

func (m *m4aFile) trex(kind string, box, _ []byte) error {
	if kind != "trex" {
		return nil
	}
	b, err := leaf[*mp4.TrexBox](box)
	if err != nil {
		return err
	}
	m.standard[uint64(b.TrackID)] = uint64(b.DefaultSampleDuration)
	return nil
}

func (m *m4aFile) traf(body []byte) error {
	var id, each uint64
	return boxes(body, func(kind string, box, _ []byte) error {
		switch kind {
		case "tfhd":
			b, err := leaf[*mp4.TfhdBox](box)
			if err != nil {
				return err
			}
			id = uint64(b.TrackID)
			if each = m.standard[id]; b.HasDefaultSampleDuration() {
				each = uint64(b.DefaultSampleDuration)
			}
		case "trun":
			b, err := leaf[*mp4.TrunBox](box)
			if err != nil {
				return err
			}
			m.moving[id] += b.Duration(uint32(each))
		}
		return nil
	})
}
