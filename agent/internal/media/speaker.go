package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// softStart keeps a message from beginning with a crack (people.md P12).
const softStart = 20 * time.Millisecond

// eachStretch reads s to its end in stretches of 100 ms, with gain and a soft
// start.
func eachStretch(s Sound, gainDB float64, out func([]int16) error) error {
	buf := make([]int16, max(1, s.Rate()/10))
	rise, at := samplesIn(softStart, s.Rate()), 0
	for {
		n, err := s.Read(buf)
		if n > 0 {
			amplify(buf[:n], gainDB)
			for i := 0; i < n && at < rise; i++ {
				buf[i] = int16(int(buf[i]) * at / rise)
				at++
			}
			if oerr := out(buf[:n]); oerr != nil {
				return oerr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// paced reads s as fast as it would be heard, and returns when the last of it
// would have been.
func paced(ctx context.Context, pace Pace, s Sound, gainDB float64, out func([]int16) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	began, rate, given := time.Now(), s.Rate(), int64(0)
	return eachStretch(s, gainDB, func(p []int16) error {
		if err := out(p); err != nil {
			return err
		}
		given += int64(len(p))
		return pace.Sleep(ctx, lasting(given, rate)-pace.Since(began))
	})
}

// NullSpeaker takes the time of the sound and is not heard.
type NullSpeaker struct{ Pace Pace }

// Play waits as long as s would last and closes it; when ctx ends first it
// gives ctx's error.
func (n *NullSpeaker) Play(ctx context.Context, _ string, s Sound, gainDB float64) error {
	return errors.Join(paced(ctx, n.Pace, s, gainDB, func([]int16) error { return nil }), s.Close())
}

// FileSpeaker writes all that would be heard into one WAV file, one sound
// after the other, and a line for each into a log.
type FileSpeaker struct {
	pace Pace
	log  io.Writer

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenFileSpeaker goes on where an earlier file at path ended, or makes a new
// one. log may be nil.
func OpenFileSpeaker(path string, log io.Writer, pace Pace) (*FileSpeaker, error) {
	if st, err := os.Stat(path); err == nil && st.Size() >= headerSize {
		if _, err := RepairWAV(path); err != nil {
			return nil, fmt.Errorf("open speaker file: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open speaker file: %w", err)
	}
	s := &FileSpeaker{pace: pace, log: log, file: f}
	st, err := f.Stat()
	if err == nil {
		s.size = max(0, st.Size()-headerSize)
		_, err = f.WriteAt(header(Rate, s.size), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open speaker file: %w", err), f.Close())
	}
	return s, nil
}

// Play appends s at its pace and closes it. What ctx cut off is not in the
// file, as it would not have been heard.
func (f *FileSpeaker) Play(ctx context.Context, title string, s Sound, gainDB float64) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	began := f.size
	s = Resample(s, Rate)
	err = paced(ctx, f.pace, s, gainDB, func(p []int16) error {
		b := make([]byte, 0, 2*len(p))
		for _, v := range p {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		if _, err := f.file.WriteAt(b, headerSize+f.size); err != nil {
			return fmt.Errorf("write speaker file: %w", err)
		}
		f.size += int64(len(b))
		return nil
	})
	_, herr := f.file.WriteAt(header(Rate, f.size), 0)
	err = errors.Join(err, herr, s.Close())
	if f.log != nil {
		end := "to the end"
		if err != nil {
			end = "cut off"
		}
		_, lerr := fmt.Fprintf(f.log, "%8.2fs %-6s %5.2fs %s %s\n", lasting(began/2, Rate).Seconds(), "played",
			lasting((f.size-began)/2, Rate).Seconds(), title, end)
		err = errors.Join(err, lerr)
	}
	return err
}

// Close syncs and closes the file.
func (f *FileSpeaker) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.file.Sync(), f.file.Close())
}

// mostHanded bounds what is held in memory for a page: design 4.4's ten
// minutes.
const mostHanded = longest

// HandedSpeaker hands each sound to somebody else to play, such as a page in a
// browser, and takes the time that it lasts.
type HandedSpeaker struct {
	Pace Pace
	// Offer is given each sound as a whole WAV file; it gives back what takes
	// the offer away again, when the sound has ended or is stopped.
	Offer func(title string, wav []byte) (withdraw func())
}

// Play offers s, waits as long as it lasts or until ctx ends, and withdraws
// it. It closes s.
func (h *HandedSpeaker) Play(ctx context.Context, title string, s Sound, gainDB float64) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), s.Close())
	}
	c, err := ReadClip(s, mostHanded)
	if err != nil {
		return err
	}
	amplify(c.Samples, gainDB)
	softEdges(c.Samples, c.Rate, softStart)
	defer h.Offer(title, EncodeWAV(c))()
	return h.Pace.Sleep(ctx, c.Duration())
}
