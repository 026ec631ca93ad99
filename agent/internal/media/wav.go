package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// headerSize is that of the canonical header, the only one we write: data
// starts at byte 44 and ends with the file.
const headerSize = 44

// Limits of what OpenWAV takes.
const (
	minRate, maxRate = 4000, 192000
	maxChannels      = 8
)

func header(rate int, data int64) []byte {
	n := uint32(min(data, math.MaxUint32-headerSize))
	b := make([]byte, 0, headerSize)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, n+headerSize-8)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*2))
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, n)
}

// EncodeWAV gives c as a whole canonical WAV file.
func EncodeWAV(c Clip) []byte {
	b := header(c.Rate, int64(len(c.Samples))*2)
	for _, v := range c.Samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// RepairWAV makes a recording whose end was never written (power cut) whole
// again: the length comes from the file's size. It is safe to repeat. Only
// files with this package's own header are touched.
func RepairWAV(path string) (d time.Duration, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("repair recording: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("repair recording: %w", cerr)
		}
	}()
	var h [headerSize]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return 0, notPlayable("The recording ends before its first sound.", err)
	}
	rate := int(binary.LittleEndian.Uint32(h[24:]))
	want := header(rate, 0)
	if string(h[8:40]) != string(want[8:40]) || string(h[:4]) != "RIFF" || rate < minRate || rate > maxRate {
		return 0, notPlayable("The file is not one of this box's recordings.", nil)
	}
	st, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("repair recording: %w", err)
	}
	data := (st.Size() - headerSize) &^ 1 // half a sample is no sample
	if err := f.Truncate(headerSize + data); err != nil {
		return 0, fmt.Errorf("repair recording: %w", err)
	}
	if _, err := f.WriteAt(header(rate, data), 0); err != nil {
		return 0, fmt.Errorf("repair recording: %w", err)
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("repair recording: %w", err)
	}
	return lasting(data/2, rate), nil
}

func notPlayable(text string, err error) error {
	return &Fault{Code: CodeMedia, Text: text, Next: "Send it as a WAV file.", Err: err}
}

// OpenWAV opens a WAV file of any usual kind (8 to 32 bit, float, up to eight
// channels) as mono sound at its own rate. A file that is something else is a
// Fault with CodeMedia.
func OpenWAV(path string) (Sound, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Fault{Code: CodeMedia, Text: "The sound file cannot be opened.", Next: "Fetch it again.", Err: err}
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open sound: %w", err), f.Close())
	}
	w, err := parseWAV(bufio.NewReaderSize(f, 16<<10), st.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w.close = f.Close
	return w, nil
}

// wav is the data part of a file, behind its header.
type wav struct {
	r        *bufio.Reader
	rate     int
	channels int
	bytes    int // of one sample of one channel
	float    bool
	frames   int64 // left
	frame    []byte
	close    func() error
}

// parseWAV reads up to the first sample. size is that of the whole file; no
// number in the file is trusted beyond it.
func parseWAV(r *bufio.Reader, size int64) (*wav, error) {
	var top [12]byte
	if _, err := io.ReadFull(r, top[:]); err != nil || string(top[:4]) != "RIFF" || string(top[8:]) != "WAVE" {
		return nil, notPlayable("The file is not a WAV sound.", err)
	}
	w := &wav{r: r}
	at := int64(12)
	for range 64 { // chunks; real files have a handful
		var c [8]byte
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return nil, notPlayable("The WAV file ends before its sound.", err)
		}
		at += 8
		n := int64(binary.LittleEndian.Uint32(c[4:]))
		switch string(c[:4]) {
		case "data":
			if w.rate == 0 {
				return nil, notPlayable("The WAV file does not say what its sound is.", nil)
			}
			// 0 and huge lengths are those of a recorder that was cut off.
			if n == 0 || n > size-at {
				n = max(0, size-at)
			}
			w.frames = n / int64(w.bytes*w.channels)
			w.frame = make([]byte, w.bytes*w.channels)
			return w, nil
		case "fmt ":
			if n < 16 || n > 1024 {
				return nil, notPlayable("The WAV file's description is damaged.", nil)
			}
			b := make([]byte, n+n&1)
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, notPlayable("The WAV file ends before its sound.", err)
			}
			if err := w.format(b[:n]); err != nil {
				return nil, err
			}
		default:
			if n > size-at {
				return nil, notPlayable("The WAV file ends before its sound.", nil)
			}
			if _, err := io.CopyN(io.Discard, r, n+n&1); err != nil {
				return nil, notPlayable("The WAV file ends before its sound.", err)
			}
		}
		at += n + n&1
	}
	return nil, notPlayable("The WAV file is damaged.", nil)
}

func (w *wav) format(b []byte) error {
	kind := binary.LittleEndian.Uint16(b)
	w.channels = int(binary.LittleEndian.Uint16(b[2:]))
	rate := binary.LittleEndian.Uint32(b[4:])
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	if kind == 0xFFFE && len(b) >= 26 { // extensible: the true kind follows
		kind = binary.LittleEndian.Uint16(b[24:])
	}
	if w.channels < 1 || w.channels > maxChannels || rate < minRate || rate > maxRate {
		return notPlayable("The WAV file's rate or number of channels is out of range.", nil)
	}
	switch {
	case kind == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32):
	case kind == 3 && (bits == 32 || bits == 64):
		w.float = true
	default:
		return notPlayable("The WAV file holds a kind of sound that this box cannot play.",
			fmt.Errorf("format %d, %d bit", kind, bits))
	}
	w.rate, w.bytes = int(rate), bits/8
	return nil
}

func (w *wav) Rate() int               { return w.rate }
func (w *wav) Duration() time.Duration { return lasting(w.frames, w.rate) }
func (w *wav) Close() error {
	if w.close == nil {
		return nil
	}
	return w.close()
}

// breaksOff is not to be taken for the end that io.EOF is.
func breaksOff(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return notPlayable("The sound file breaks off.", err)
}

// plain says that the samples are as our own: 16 bit, one channel.
func (w *wav) plain() bool { return w.bytes == 2 && w.channels == 1 }

func (w *wav) Read(p []int16) (int, error) {
	if w.plain() {
		return w.readPlain(p)
	}
	for n := range p {
		if w.frames == 0 {
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		if _, err := io.ReadFull(w.r, w.frame); err != nil {
			return n, breaksOff(err)
		}
		w.frames--
		sum := 0.0
		for c := range w.channels {
			sum += w.sample(w.frame[c*w.bytes:])
		}
		p[n] = saturate(sum / float64(w.channels))
	}
	return len(p), nil
}

// readPlain is Read for nearly every file there is, many times faster.
func (w *wav) readPlain(p []int16) (int, error) {
	if w.frames == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), w.frames, 4096))
	if cap(w.frame) < 2*n {
		w.frame = make([]byte, 8192)
	}
	k, err := io.ReadFull(w.r, w.frame[:2*n])
	for i := range k / 2 {
		p[i] = int16(binary.LittleEndian.Uint16(w.frame[2*i:]))
	}
	w.frames -= int64(k / 2)
	if err != nil {
		return k / 2, breaksOff(err)
	}
	return n, nil
}

// sample gives one sample on the scale of 16 bits.
func (w *wav) sample(b []byte) float64 {
	le := binary.LittleEndian
	switch {
	case w.float && w.bytes == 4:
		return finite(float64(math.Float32frombits(le.Uint32(b)))) * 32767
	case w.float:
		return finite(math.Float64frombits(le.Uint64(b))) * 32767
	case w.bytes == 1:
		return float64(int(b[0])-128) * 256
	case w.bytes == 2:
		return float64(int16(le.Uint16(b)))
	case w.bytes == 3:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / 65536
	default:
		return float64(int32(le.Uint32(b))) / 65536
	}
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
