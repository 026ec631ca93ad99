// Package media finds out what an uploaded file really is and makes the copies
// that are shown and forwarded.
//
// Uploads are hostile until proven dull: type by content and never by name,
// dimensions and lengths before any decoding, every decoder bounded in pixels,
// bytes, time and memory, and a panic in one of them is a damaged file. One
// program is started, in convert.go, for what Go cannot decode. Nothing is ever
// written but to the given writer.
package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"illumi/protocol"
)

// Kind is what a file is wanted as.
type Kind string

// The two kinds.
const (
	Image Kind = "image"
	Audio Kind = "audio"
)

// Info is what a file really is.
type Info struct {
	Kind Kind
	// Type is image/jpeg, image/png, image/webp, audio/wav, audio/flac,
	// audio/mpeg, audio/ogg or audio/mp4.
	Type string
	// Ext is the customary file name ending, with its dot.
	Ext  string
	Size int64 // bytes

	// Width and Height are in pixels, as seen upright.
	Width, Height int
	// Orientation is the EXIF value 1 to 8; 1 is upright.
	Orientation int

	// Duration is what the container's headers and frames add up to.
	Duration time.Duration
	// Channels and SampleRate (Hz) are as the container states them; many M4A
	// files of one channel state two.
	Channels, SampleRate int
	// Incomplete: the header promises more sound than the file holds; what is
	// there is whole (WAV only, others are refused as damaged).
	Incomplete bool
	// Silent: no part of the recording is as loud as the quietest speech. Only
	// SharedAudio says it, which has listened to all of it.
	Silent bool
}

// workTime bounds the work on one file, whatever the caller's context allows.
// Ordinary files take seconds; this ends crafted ones.
const workTime = 2 * time.Minute

// Inspect says what the size bytes of r really are, or why they are refused (an
// *Error). It reads headers and, for recordings, frame headers; it decodes no
// pixels and few samples, so that a file it accepts can still be refused as
// damaged by SharedImage, SharedAudio or Peaks.
func Inspect(ctx context.Context, r io.ReaderAt, size int64, want Kind) (Info, error) {
	var limit int64 = protocol.MaxImageBytes
	if want == Audio {
		limit = protocol.MaxAudioBytes
	}
	if size == 0 {
		return Info{}, refuse(EmptyFile, nil)
	}
	if size < 0 || size > limit {
		return Info{}, refuse(FileTooLarge, fmt.Errorf("%d bytes", size), fmt.Sprintf("%d MB", limit/1_000_000))
	}
	var info Info
	err := work(ctx, r, size, func(f *file) (err error) {
		info, err = inspect(f, want)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

func inspect(f *file, want Kind) (Info, error) {
	typ, err := sniff(f, want)
	if err != nil {
		return Info{}, err
	}
	if want == Image {
		return inspectImage(f, typ)
	}
	return inspectAudio(f, typ)
}

// file is an upload being read: it ends with its context, and remembers a
// failing disk so that this is not mistaken for a damaged file.
type file struct {
	ctx  context.Context
	r    io.ReaderAt
	size int64
	err  error
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		f.err = err
		return 0, err
	}
	n, err := f.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// from reads the file from off to its end.
func (f *file) from(off int64) *io.SectionReader {
	return io.NewSectionReader(f, off, f.size-off)
}

// work runs fn on r within workTime and turns whatever goes wrong in it into
// an *Error, or the true reason: the context or the disk.
func work(ctx context.Context, r io.ReaderAt, size int64, fn func(*file) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, workTime, errWorkTime)
	defer cancel()
	f := &file{ctx: ctx, r: r, size: size}
	defer func() {
		if p := recover(); p != nil {
			// The stack helps whoever mends the decoder; it holds no content.
			err = damagedf("decoder: %v\n%s", p, debug.Stack())
		}
		err = f.explain(err)
	}()
	return fn(f)
}

// errWorkTime is the cause of a context that workTime ended.
var errWorkTime = fmt.Errorf("over %v", workTime)

// errWrite marks that the caller's writer failed.
var errWrite = errors.New("media: write the copy")

func (f *file) explain(err error) error {
	var refusal *Error
	switch {
	case err == nil && f.err == nil: // a decoder can take a failing disk for the end
		return nil
	case errors.Is(context.Cause(f.ctx), errWorkTime):
		return refuse(TookTooLong, errWorkTime)
	case f.ctx.Err() != nil:
		return fmt.Errorf("media: stopped: %w", f.ctx.Err())
	case f.err != nil:
		return fmt.Errorf("media: read: %w", f.err)
	case errors.Is(err, errWrite):
		return err
	case errors.As(err, &refusal):
		return refusal
	}
	return refuse(DamagedFile, err)
}

// writer marks its errors with errWrite.
type writer struct{ w io.Writer }

func (w writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errWrite, err)
	}
	return n, err
}
