package media

import (
	"fmt"
	"io"
	"math"
	"time"

	"illumi/protocol"
)

const (
	maxChannels = 8
	minRate     = 8_000
	maxRate     = 192_000
	// grace is what encoders add to the end; a recording of exactly ten
	// minutes is not over the limit.
	graceSeconds = 1
	minSeconds   = 0.1
)

// format is how samples follow each other.
type format struct {
	rate, channels int
}

// check refuses what no recording of speech looks like.
func (f format) check() error {
	if f.channels < 1 || f.channels > maxChannels || f.rate < minRate || f.rate > maxRate {
		return refusef(UnknownEncoding, "%d channels at %d Hz", f.channels, f.rate)
	}
	return nil
}

// decoder yields the samples of a recording in blocks.
type decoder interface {
	// next returns interleaved samples, full scale being 1, valid until the
	// next call; io.EOF after the last. A block can be empty.
	next() ([]float32, error)
}

// track is what a container says about its sound.
type track struct {
	format
	frames     int64 // samples of each channel; -1: only decoding would tell
	incomplete bool
	// open starts decoding; nil where only a Converter can. A decoder that is an
	// io.Closer is closed after its last block.
	open func() (decoder, error)
}

func openTrack(f *file, typ string) (track, error) {
	switch typ {
	case "audio/wav":
		return openWAV(f)
	case "audio/flac":
		return openFLAC(f)
	case "audio/mpeg":
		return openMP3(f)
	case "audio/ogg":
		return openOgg(f)
	case "audio/mp4":
		return openM4A(f)
	}
	return track{}, refusef(NotARecording, "type %q", typ)
}

func inspectAudio(f *file, typ string) (Info, error) {
	t, err := openTrack(f, typ)
	if err != nil {
		return Info{}, err
	}
	if err := t.check(); err != nil {
		return Info{}, err
	}
	if t.frames < 0 {
		if t.frames, err = t.count(f); err != nil {
			return Info{}, err
		}
	}
	seconds := float64(t.frames) / float64(t.rate)
	if err := checkLength(seconds); err != nil {
		return Info{}, err
	}
	return Info{
		Kind: Audio, Type: typ, Ext: extensions[typ], Size: f.size,
		Duration: time.Duration(seconds * float64(time.Second)),
		Channels: t.channels, SampleRate: t.rate, Incomplete: t.incomplete,
	}, nil
}

func checkLength(seconds float64) error {
	switch {
	case seconds > protocol.MaxAudioSeconds+graceSeconds:
		return tooLong(seconds)
	case seconds < minSeconds:
		return refusef(TooShort, "%.3f s", seconds)
	}
	return nil
}

func (t track) count(f *file) (int64, error) {
	var n int64
	err := t.each(f, func(block []float32) error {
		n += int64(len(block) / t.channels)
		return nil
	})
	return n, err
}

// each decodes the whole track and hands its blocks to fn. It ends with an
// error where the sound is longer than accepted, whatever the headers said.
// Samples that are no numbers become silence.
func (t track) each(f *file, fn func(block []float32) error) error {
	if t.open == nil {
		return refusef(UnknownEncoding, "no decoder")
	}
	d, err := t.open()
	if err != nil {
		return err
	}
	if c, ok := d.(io.Closer); ok {
		defer c.Close()
	}
	left := int64(t.rate) * (protocol.MaxAudioSeconds + graceSeconds)
	for {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		block, err := d.next()
		if err == io.EOF { //nolint:errorlint // a wrapped one is a decoder that broke off, not the end
			return nil
		}
		if err != nil {
			return err
		}
		if len(block)%t.channels != 0 {
			return fmt.Errorf("block of %d samples in %d channels", len(block), t.channels)
		}
		if left -= int64(len(block) / t.channels); left < 0 {
			return tooLong(protocol.MaxAudioSeconds + graceSeconds)
		}
		for i, v := range block {
			// False for NaN too; float files may go somewhat over full scale.
			if !(v > -16 && v < 16) {
				block[i] = 0
			}
		}
		if err := fn(block); err != nil {
			return err
		}
	}
}

// mix makes one channel out of several: one of them, or their mean.
type mix int

const mean mix = -1

func (m mix) mono(dst, block []float32, channels int) []float32 {
	dst = dst[:0]
	for i := 0; i < len(block); i += channels {
		if m != mean {
			dst = append(dst, block[i+int(m)])
			continue
		}
		var sum float32
		for _, v := range block[i : i+channels] {
			sum += v
		}
		dst = append(dst, sum/float32(channels))
	}
	return dst
}

func decibels(ratio float64) float64 { return 20 * math.Log10(ratio) }

func ratio(db float64) float64 { return math.Pow(10, db/20) }
