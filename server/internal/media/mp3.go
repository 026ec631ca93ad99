package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hajimehoshi/go-mp3"
)

// The decoder reserves whatever length an ID3 tag claims and gives up at tags
// between or behind the frames. So the frames are found here, and it is fed
// nothing else.

// mp3Lead is how much may lie before the first frame, ID3 tags not counted.
const mp3Lead = 64 << 10

// mp3Header is the 32 bits before a frame.
type mp3Header uint32

// sameStream masks what no frame of one stream changes: sync, version, layer, rate.
const sameStream = 0xfffe0c00

var mp3Rates = [3]int{44100, 48000, 32000}

// kilobits of layer III by [MPEG-1?][index].
var mp3Kilobits = [2][15]int{
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
}

// layer3 reports whether h starts a frame of MPEG-1 or MPEG-2 layer III with a
// stated bit rate: what the decoder knows.
func (h mp3Header) layer3() bool {
	version, rate, bits := h>>19&3, h>>10&3, h>>12&15
	return h>>21 == 0x7ff && version >= 2 && h>>17&3 == 1 && rate != 3 && bits != 0 && bits != 15 && h&3 != 2
}

func (h mp3Header) mpeg1() int { return int(h >> 19 & 1) }

func (h mp3Header) rate() int { return mp3Rates[h>>10&3] >> (1 - h.mpeg1()) }

// frames is the number of samples of each channel.
func (h mp3Header) frames() int { return 576 << h.mpeg1() }

func (h mp3Header) size() int {
	return 72<<h.mpeg1()*mp3Kilobits[h.mpeg1()][h>>12&15]*1000/h.rate() + int(h>>9&1)
}

func (h mp3Header) channels() int {
	if h>>6&3 == 3 {
		return 1
	}
	return 2
}

// mp3Frames reads the frames of one stream and nothing between them.
type mp3Frames struct {
	r     *bufio.Reader
	first mp3Header // of the stream; 0 until found
	frame []byte    // the one being handed out
	left  []byte    // what is left of it
	past  []byte    // main data of frames before, see alone
}

func newMP3Frames(f *file) (*mp3Frames, error) {
	start, err := skipID3(f)
	if err != nil {
		return nil, err
	}
	m := &mp3Frames{r: bufio.NewReaderSize(f.from(start), 16<<10)}
	if _, err := m.find(mp3Lead); err != nil {
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		var b [2]byte
		if _, err := f.ReadAt(b[:], start); err == nil && b[0] == 0xff && b[1] >= 0xe0 {
			return nil, refusef(UnknownEncoding, "mp3: not layer III of MPEG-1 or MPEG-2")
		}
		return nil, refusef(NotARecording, "mp3: no frames")
	}
	return m, m.skipInfo()
}

// skipID3 returns where the leading ID3v2 tags end.
func skipID3(f *file) (int64, error) {
	var pos int64
	for range 8 {
		var b [10]byte
		if _, err := f.ReadAt(b[:], pos); err != nil || string(b[:3]) != "ID3" {
			return pos, nilEOF(err)
		}
		pos += 10 + int64(b[6]&127)<<21 + int64(b[7]&127)<<14 + int64(b[8]&127)<<7 + int64(b[9]&127)
		if b[5]&0x10 != 0 {
			pos += 10 // a footer
		}
	}
	return pos, nil
}

func nilEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// find stands before the next frame of the stream, at most limit bytes away,
// and returns its header; io.EOF where there is none. A frame counts when
// another one of the same stream, or the end of the file, follows it.
func (m *mp3Frames) find(limit int64) (mp3Header, error) {
	for range limit {
		b, err := m.r.Peek(4)
		if err != nil {
			return 0, err // io.EOF, or the true reason
		}
		h := mp3Header(binary.BigEndian.Uint32(b))
		if h.layer3() && (m.first == 0 || h&sameStream == m.first&sameStream) {
			b, err := m.r.Peek(h.size() + 4)
			if err != nil && err != io.EOF {
				return 0, err
			}
			if m.follows(h, b) {
				if m.first == 0 {
					m.first = h
				}
				return h, nil
			}
		}
		if _, err := m.r.Discard(1); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// follows looks at the frame of h and the four bytes behind it.
func (m *mp3Frames) follows(h mp3Header, b []byte) bool {
	switch len(b) - h.size() {
	case 4:
		next := mp3Header(binary.BigEndian.Uint32(b[h.size():]))
		// Inside a stream a tag may follow; the first frame needs a witness.
		return next.layer3() && next&sameStream == h&sameStream || m.first != 0
	case 0, 1, 2, 3:
		return true
	}
	return false // cut short: the last frame of a broken copy is left out
}

// skipInfo drops a first frame that holds an encoder's table and no sound.
func (m *mp3Frames) skipInfo() error {
	b, err := m.r.Peek(m.first.size())
	if err != nil {
		return err
	}
	head := b[:min(len(b), 64)]
	if !bytes.Contains(head, []byte("Xing")) && !bytes.Contains(head, []byte("Info")) {
		return nil
	}
	_, err = m.r.Discard(len(b))
	return err
}

// Read yields the bytes of whole frames.
func (m *mp3Frames) Read(p []byte) (int, error) {
	for len(m.left) == 0 {
		h, err := m.find(1 << 40)
		if err != nil {
			return 0, err
		}
		m.frame = slices.Grow(m.frame[:0], h.size())[:h.size()]
		if _, err := io.ReadFull(m.r, m.frame); err != nil {
			return 0, err
		}
		if m.left = m.frame; h.rate() == 22050 {
			if m.left, err = m.alone(h); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// alone rewrites the frame, whose header is h, so that it needs no other and
// no padding. The decoder (go-mp3 0.3.4) halves an MPEG-2 frame's length after
// adding the padding byte, not before: at 22050 Hz it loses that byte and then
// its place, and plays rubbish without an error. The frame gets the highest
// bit rate's length, and the data it borrows from frames before.
// It returns nothing for a frame whose data was cut away.
func (m *mp3Frames) alone(h mp3Header) ([]byte, error) {
	at, side := 4, 17
	if h>>16&1 == 0 {
		at += 2 // a checksum
	}
	if h.channels() == 1 {
		side = 9
	}
	if len(m.frame) < at+side {
		return nil, errors.New("mp3: frame without side information")
	}
	info, own := m.frame[at:at+side], m.frame[at+side:]
	// Side information of MPEG-2: where the data begins (8 bits back), 1 private
	// bit a channel, then 63 bits for each, of which 12 are its data's length.
	used := 0
	for c := range h.channels() {
		bit := 8 + h.channels() + 63*c
		word := uint32(info[bit/8])<<16 | uint32(info[bit/8+1])<<8 | uint32(info[bit/8+2])
		used += int(word >> (12 - bit%8) & 0xfff)
	}
	used = (used + 7) / 8
	begin := len(m.past) - int(info[0])
	m.past = append(m.past, own...)
	defer func() { m.past = m.past[max(len(m.past)-255, 0):] }()
	if begin < 0 || begin+used > len(m.past) {
		return nil, nil
	}
	h = h&^(15<<12|1<<9) | 14<<12 | 1<<16
	out := make([]byte, h.size())
	// The end of a frame is its faintest treble: a few bytes can go.
	if room := len(out) - 4 - side; used > room+16 {
		return nil, refusef(UnknownEncoding, "mp3: frame of %d bytes at 22050 Hz", used)
	} else if used > room {
		used = room
	}
	binary.BigEndian.PutUint32(out, uint32(h))
	copy(out[5:], info[1:])
	copy(out[4+side:], m.past[begin:begin+used])
	return out, nil
}

// count reads to the end and returns the samples of each channel.
func (m *mp3Frames) count() (int64, error) {
	var n int64
	for {
		h, err := m.find(1 << 40)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		n += int64(h.frames())
		if _, err := m.r.Discard(h.size()); err != nil {
			return 0, err
		}
	}
}

func openMP3(f *file) (track, error) {
	m, err := newMP3Frames(f)
	if err != nil {
		return track{}, err
	}
	n, err := m.count()
	if err != nil {
		return track{}, err
	}
	return track{
		format: format{rate: m.first.rate(), channels: m.first.channels()},
		frames: n,
		open: func() (decoder, error) {
			m, err := newMP3Frames(f)
			if err != nil {
				return nil, err
			}
			// A plain reader: with a seeker it would list all frames first.
			d, err := mp3.NewDecoder(struct{ io.Reader }{m})
			if err != nil {
				return nil, fmt.Errorf("mp3: %w", err)
			}
			c := m.first.channels()
			return &mp3Decoder{d: d, channels: c, raw: make([]byte, 4*4096), out: make([]float32, 4096*c)}, nil
		},
	}, nil
}

type mp3Decoder struct {
	d        *mp3.Decoder
	channels int
	raw      []byte
	out      []float32
}

// next takes the decoder's 16-bit stereo; of a mono file both sides are equal.
func (d *mp3Decoder) next() ([]float32, error) {
	n, err := io.ReadFull(d.d, d.raw)
	if err == io.ErrUnexpectedEOF && n > 0 {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	out := d.out[:n/4*d.channels]
	for i := range out {
		at := i * 2
		if d.channels == 1 {
			at = i * 4
		}
		out[i] = float32(int16(binary.LittleEndian.Uint16(d.raw[at:]))) / (1 << 15)
	}
	return out, nil
}
