package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Ogg is taken apart here, once for both codecs: the libraries' own readers
// recurse for every page without a packet (a stack overflow cannot be recovered
// from) and collect packets of any length.

const (
	oggPageHead = 27
	oggMaxPage  = oggPageHead + 255 + 255*255
	// oggMaxPacket is far over any packet of sound or set-up; only comments
	// with cover pictures are longer, and those are cut and never read.
	oggMaxPacket = 256 << 10
	noGranule    = -1
)

var oggTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&0x80000000 != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

func oggCRC(page []byte) uint32 {
	var c uint32
	for i, b := range page {
		if i >= 22 && i < 26 {
			b = 0 // the sum itself
		}
		c = c<<8 ^ oggTable[byte(c>>24)^b]
	}
	return c
}

// oggReader yields the packets of the file's first logical stream.
type oggReader struct {
	r      *bufio.Reader
	serial uint32
	begun  bool
	page   []byte // the whole page
	lacing []byte // what is left of its segment table
	body   []byte // what is left of its segments
	last   bool   // the page says that the stream ends
	packet []byte
}

func newOggReader(f *file) *oggReader {
	return &oggReader{r: bufio.NewReaderSize(f.from(0), 64<<10), page: make([]byte, 0, oggMaxPage)}
}

// next returns a packet, cut at oggMaxPacket, valid until the next call, and
// whether it was cut; io.EOF after the last whole one.
func (o *oggReader) next() (packet []byte, cut bool, err error) {
	o.packet = o.packet[:0]
	begun := false
	for {
		for len(o.lacing) == 0 {
			if o.last {
				return nil, false, io.EOF
			}
			if err := o.readPage(); err != nil {
				if errors.Is(err, io.EOF) && begun {
					err = io.ErrUnexpectedEOF
				}
				return nil, false, err
			}
		}
		n := int(o.lacing[0])
		room := min(n, oggMaxPacket-len(o.packet))
		o.packet = append(o.packet, o.body[:room]...)
		cut, begun = cut || room < n, true
		o.lacing, o.body = o.lacing[1:], o.body[n:]
		if n < 255 {
			return o.packet, cut, nil
		}
	}
}

// readPage reads the next page of our stream; pages of others are passed over.
func (o *oggReader) readPage() error {
	for {
		head, err := o.r.Peek(oggPageHead)
		if err == io.EOF && len(head) > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if string(head[:4]) != "OggS" || head[4] != 0 {
			return errors.New("ogg: page expected")
		}
		o.page = o.page[:oggPageHead+int(head[26])]
		if _, err := io.ReadFull(o.r, o.page); err != nil {
			return noEOF(err)
		}
		table := o.page[oggPageHead:]
		size := 0
		for _, n := range table {
			size += int(n)
		}
		start := len(o.page)
		o.page = o.page[:start+size]
		if _, err := io.ReadFull(o.r, o.page[start:]); err != nil {
			return noEOF(err)
		}
		if oggCRC(o.page) != binary.LittleEndian.Uint32(o.page[22:]) {
			return errors.New("ogg: wrong checksum")
		}
		serial := binary.LittleEndian.Uint32(o.page[14:])
		if !o.begun {
			o.serial, o.begun = serial, true
		}
		if serial != o.serial {
			continue
		}
		o.lacing, o.body = table, o.page[start:]
		o.last = o.page[5]&4 != 0
		return nil
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lastGranule returns the end position that the stream's last page states, in
// samples, or noGranule. It is a claim: the decoders count for themselves.
func lastGranule(f *file, serial uint32) (int64, error) {
	tail := make([]byte, min(f.size, 2*oggMaxPage))
	if _, err := f.ReadAt(tail, f.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte("OggS"))
		if i < 0 {
			return noGranule, nil
		}
		if i+oggPageHead <= len(tail) && binary.LittleEndian.Uint32(tail[i+14:]) == serial {
			if g := int64(binary.LittleEndian.Uint64(tail[i+6:])); g >= 0 {
				return g, nil
			}
		}
		end = i
	}
}

func openOgg(f *file) (track, error) {
	o := newOggReader(f)
	first, _, err := o.next()
	if err != nil {
		return track{}, fmt.Errorf("ogg: %w", noEOF(err))
	}
	granule, err := lastGranule(f, o.serial)
	if err != nil {
		return track{}, err
	}
	switch {
	case bytes.HasPrefix(first, []byte("OpusHead")):
		return openOpus(f, first, granule)
	case bytes.HasPrefix(first, []byte("\x01vorbis")):
		return openVorbis(f, first, granule)
	case bytes.HasPrefix(first, []byte("\x80theora")), bytes.HasPrefix(first, []byte("fishead")):
		return track{}, refusef(VideoNotSupported, "ogg: pictures")
	}
	return track{}, refusef(UnknownEncoding, "ogg: neither Opus nor Vorbis")
}

// trim ends a decoder's output at the stream's stated end, where that cuts the
// encoder's filling away.
type trim struct {
	left int64 // frames still wanted; below 0: all
}

func (t *trim) cut(block []float32, channels int) []float32 {
	if t.left < 0 {
		return block
	}
	n := min(int64(len(block)/channels), t.left)
	t.left -= n
	return block[:n*int64(channels)]
}
