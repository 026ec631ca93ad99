package media

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// flacBlock is how many samples a frame of ours has: a quarter of a second.
const flacBlock = 4096

// FLACInfo says what EncodeFLAC has made.
type FLACInfo struct {
	Samples int64
	Rate    int
	// WAV and FLAC are the sizes before and after, in bytes.
	WAV, FLAC int64
	Duration  time.Duration
}

// errUnequal: the encoder has made something else than it was given.
var errUnequal = errors.New("the compressed recording does not give back the same samples")

// EncodeFLAC compresses a recording of this box (mono, 16 bit) without loss
// into the file to, which must be empty and stays the caller's to close. The
// file is synced, then read back, decoded and compared sample by sample with
// the recording, so that the WAV may go once EncodeFLAC has returned nil.
// Memory does not grow with the recording. An ended ctx ends it, with its error.
func EncodeFLAC(ctx context.Context, wavPath string, to *os.File) (FLACInfo, error) {
	in, err := os.Stat(wavPath)
	if err != nil {
		return FLACInfo{}, fmt.Errorf("compress recording: %w", err)
	}
	info := FLACInfo{WAV: in.Size()}
	if err := info.encode(ctx, wavPath, to); err != nil {
		return FLACInfo{}, fmt.Errorf("compress recording: %w", err)
	}
	if err := to.Sync(); err != nil {
		return FLACInfo{}, fmt.Errorf("compress recording: %w", err)
	}
	out, err := to.Stat()
	if err != nil {
		return FLACInfo{}, fmt.Errorf("compress recording: %w", err)
	}
	info.FLAC = out.Size()
	if err := sameSamples(ctx, wavPath, to, info.FLAC); err != nil {
		return FLACInfo{}, fmt.Errorf("compress recording: %w", err)
	}
	return info, nil
}

func (info *FLACInfo) encode(ctx context.Context, wavPath string, to *os.File) (err error) {
	s, err := OpenWAV(wavPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if w, ok := s.(*wav); !ok || !w.plain() {
		return notPlayable("The recording is not one of this box.", nil)
	}
	info.Rate = s.Rate()
	out := &rewriter{f: to, b: bufio.NewWriterSize(to, 32<<10)}
	enc, err := flac.NewEncoder(out, &meta.StreamInfo{BlockSizeMin: flacBlock, BlockSizeMax: flacBlock,
		SampleRate: uint32(info.Rate), NChannels: 1, BitsPerSample: 16})
	if err != nil {
		return err
	}
	enc.EnablePredictionAnalysis(true)
	p, wide := make([]int16, flacBlock), make([]int32, flacBlock)
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := readFull(s, p)
		if n == 0 && errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for i, v := range p[:n] {
			wide[i] = int32(v)
		}
		if err := enc.WriteFrame(monoFrame(wide[:n], info.Rate)); err != nil {
			return err
		}
		info.Samples += int64(n)
	}
	if info.Samples == 0 {
		return notPlayable("The recording is empty.", nil)
	}
	info.Duration = lasting(info.Samples, info.Rate)
	// It goes back to write the length and the sum of all samples.
	if err := errors.Join(enc.Close(), out.b.Flush()); err != nil {
		return err
	}
	// The library counts the last, shorter frame as the smallest, which makes
	// a stream that strict readers refuse.
	sizes := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, flacBlock), flacBlock)
	_, err = to.WriteAt(sizes, flacSizesAt)
	return err
}

// flacSizesAt is where a FLAC file says its smallest and greatest frame: behind
// "fLaC" and the head of the first block.
const flacSizesAt = 8

func monoFrame(p []int32, rate int) *frame.Frame {
	return &frame.Frame{
		Header: frame.Header{HasFixedBlockSize: true, BlockSize: uint16(len(p)), SampleRate: uint32(rate),
			Channels: frame.ChannelsMono, BitsPerSample: 16},
		// Verbatim is what the encoder's own analysis may replace.
		Subframes: []*frame.Subframe{{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: len(p), Samples: p}},
	}
}

// rewriter is a file behind a buffer; the encoder writes single bytes.
type rewriter struct {
	f *os.File
	b *bufio.Writer
}

func (w *rewriter) Write(p []byte) (int, error) { return w.b.Write(p) }
func (w *rewriter) Seek(at int64, whence int) (int64, error) {
	if err := w.b.Flush(); err != nil {
		return 0, err
	}
	return w.f.Seek(at, whence)
}

// readFull fills p, or as much of it as there is before the end.
func readFull(s Sound, p []int16) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = s.Read(p[n:])
		n += k
	}
	return n, err
}

func sameSamples(ctx context.Context, wavPath string, packed *os.File, size int64) (err error) {
	a, err := OpenWAV(wavPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := newFLAC(bufio.NewReaderSize(io.NewSectionReader(packed, 0, size), 16<<10))
	if err != nil {
		return err
	}
	p, q := make([]int16, flacBlock), make([]int16, flacBlock)
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, aerr := readFull(a, p)
		m, berr := readFull(b, q)
		for _, err := range []error{aerr, berr} {
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if n != m || string(bytesOf(p[:n])) != string(bytesOf(q[:m])) {
			return errUnequal
		}
		if n < len(p) {
			return nil
		}
	}
}

func bytesOf(p []int16) []byte {
	b := make([]byte, 0, 2*len(p))
	for _, v := range p {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// flacSound plays a FLAC file, mixed to mono.
type flacSound struct {
	stream *flac.Stream
	frame  *frame.Frame
	at     int
	read   uint64
	close  func() error
}

// OpenFLAC opens a FLAC file of up to eight channels as mono sound at its own
// rate. A file that is something else is a Fault with CodeMedia.
func OpenFLAC(path string) (Sound, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Fault{Code: CodeMedia, Text: "The sound file cannot be opened.", Next: "Fetch it again.", Err: err}
	}
	s, err := newFLAC(bufio.NewReaderSize(f, 16<<10))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.close = f.Close
	return s, nil
}

func newFLAC(r *bufio.Reader) (*flacSound, error) {
	// The library reserves whatever the first block claims to need, unless it
	// is the stream's description.
	head, err := r.Peek(8)
	if err != nil || string(head[:4]) != "fLaC" || head[4]&0x7f != 0 || head[5] != 0 || head[6] != 0 || head[7] != 34 {
		return nil, notPlayable("The file is not a FLAC sound.", err)
	}
	s, err := flac.New(r)
	if err != nil {
		return nil, notPlayable("The FLAC file is damaged.", err)
	}
	if i := s.Info; i.SampleRate < minRate || i.SampleRate > maxRate || i.NChannels < 1 || i.BitsPerSample < 8 || i.BitsPerSample > 32 {
		return nil, notPlayable("The FLAC file holds a kind of sound that this box cannot play.", nil)
	}
	return &flacSound{stream: s}, nil
}

func (s *flacSound) Rate() int { return int(s.stream.Info.SampleRate) }
func (s *flacSound) Duration() time.Duration {
	return lasting(int64(max(s.stream.Info.NSamples, s.read)-s.read), s.Rate())
}

func (s *flacSound) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

func (s *flacSound) Read(p []int16) (int, error) {
	for s.frame == nil || s.at == len(s.frame.Subframes[0].Samples) {
		f, err := s.stream.ParseNext()
		if errors.Is(err, io.EOF) && s.read >= s.stream.Info.NSamples {
			return 0, io.EOF
		}
		if err != nil {
			return 0, breaksOff(err)
		}
		if len(f.Subframes) != int(s.stream.Info.NChannels) {
			return 0, notPlayable("The FLAC file is damaged.", nil)
		}
		s.frame, s.at = f, 0
	}
	// Full scale of any number of bits is that of 16.
	scale := math16(s.stream.Info.BitsPerSample) / float64(len(s.frame.Subframes))
	n := min(len(p), len(s.frame.Subframes[0].Samples)-s.at)
	for i := range n {
		sum := 0.0
		for _, sub := range s.frame.Subframes {
			sum += float64(sub.Samples[s.at+i])
		}
		p[i] = saturate(sum * scale)
	}
	s.at += n
	s.read += uint64(n)
	return n, nil
}

func math16(bits uint8) float64 { return 32768 / float64(uint64(1)<<(bits-1)) }

// OpenSound opens a WAV or FLAC file, by what is in it and not by its name.
func OpenSound(path string) (Sound, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Fault{Code: CodeMedia, Text: "The sound file cannot be opened.", Next: "Fetch it again.", Err: err}
	}
	var head [4]byte
	_, err = io.ReadFull(f, head[:])
	if err = errors.Join(err, f.Close()); err == nil && string(head[:]) == "fLaC" {
		return OpenFLAC(path)
	}
	return OpenWAV(path) // which says what is wrong with it
}
