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

const (
	// syncEvery bounds what a power cut takes (people.md E_POWER).
	syncEvery = 5 * time.Second
	// longest is the hard end of any recording (design 4.4), whatever the
	// interaction does.
	longest = 10 * time.Minute
)

// errLost is the reason of a recording whose microphone went away.
var errLost = errors.New("microphone gave no more sound")

// source is an open microphone.
type source interface {
	// Read blocks until there is sound, at most for a few seconds. After Stop
	// it gives the rest and io.EOF. An earlier end is a loss.
	Read(p []int16) (int, error)
	// Stop asks for the end, and may be called at any time, repeatedly.
	Stop()
	// Close frees the device, and is called once, after the last Read.
	Close() error
}

// Listener is told of a recording's levels. It is called from the recording's
// own goroutine, every 50 ms of sound, and must be quick. It may be nil.
type Listener func(Level)

// Recording is a microphone that is being written to a file.
type Recording struct {
	src    *held[source]
	to     *os.File
	rate   int
	listen Listener

	stopping chan struct{}
	stop     sync.Once
	done     chan struct{}

	mu    sync.Mutex
	meter *meter
	bytes int64
	tone  time.Duration
	lost  error // what ended the recording early
	err   error // what kept the file from being whole
}

// record opens a microphone under the red light and writes it to the file,
// which stays the caller's to close. Sound flows until Stop, until ctx ends,
// or until the device is lost.
func record(ctx context.Context, live *Live, to *os.File, rate int, listen Listener, open func() (source, error)) (*Recording, error) {
	if _, err := to.WriteAt(header(rate, 0), 0); err != nil {
		return nil, fmt.Errorf("begin recording: %w", err)
	}
	if _, err := to.Seek(headerSize, io.SeekStart); err != nil {
		return nil, fmt.Errorf("begin recording: %w", err)
	}
	h, err := hold(live, open)
	if err != nil {
		return nil, err
	}
	r := &Recording{src: h, to: to, rate: rate, listen: listen,
		stopping: make(chan struct{}), done: make(chan struct{}), meter: newMeter(rate)}
	if r.listen == nil {
		r.listen = func(Level) {}
	}
	go r.run(ctx)
	return r, nil
}

func (r *Recording) run(ctx context.Context) {
	defer close(r.done)
	defer context.AfterFunc(ctx, r.end)()
	// The device is closed before the file is finished, so that the light
	// never outlives it by a slow disk; and it is closed on a panic too.
	defer r.finish()
	defer func() {
		if err := r.src.Close(); err != nil {
			r.fail(nil, fmt.Errorf("close microphone: %w", err))
		}
	}()
	r.copy()
}

// copy moves sound from the device to the file until either ends.
func (r *Recording) copy() {
	var (
		in     = make([]int16, samplesIn(window, r.rate))
		out    []byte
		synced = time.Now()
	)
	for {
		n, err := r.src.device.Read(in)
		if n > 0 {
			out = out[:0]
			for _, v := range in[:n] {
				out = binary.LittleEndian.AppendUint16(out, uint16(v))
			}
			if _, werr := r.to.Write(out); werr != nil {
				r.fail(fmt.Errorf("write recording: %w", werr), nil)
				r.end()
				return
			}
			r.measure(in[:n])
		}
		if err != nil {
			select {
			case <-r.stopping:
				if errors.Is(err, io.EOF) {
					return
				}
			default:
			}
			if errors.Is(err, io.EOF) {
				err = errLost
			}
			r.fail(nil, err)
			return
		}
		if time.Since(synced) >= syncEvery {
			if err := r.to.Sync(); err != nil {
				r.fail(fmt.Errorf("sync recording: %w", err), nil)
				r.end()
				return
			}
			synced = time.Now()
		}
		if r.Elapsed() >= longest {
			r.end()
		}
	}
}

func (r *Recording) measure(p []int16) {
	var levels []Level
	r.mu.Lock()
	r.bytes += int64(len(p)) * 2
	r.meter.add(p, func(l Level) { levels = append(levels, l) })
	r.mu.Unlock()
	for _, l := range levels {
		r.listen(l)
	}
}

// finish makes the file whole: the header gets its length, and all of it is
// on the disk.
func (r *Recording) finish() {
	r.mu.Lock()
	n := r.bytes
	r.mu.Unlock()
	if _, err := r.to.WriteAt(header(r.rate, n), 0); err != nil {
		r.fail(fmt.Errorf("finish recording: %w", err), nil)
		return
	}
	// A write that broke in the middle may have left half a sample.
	if err := r.to.Truncate(headerSize + n); err != nil {
		r.fail(fmt.Errorf("finish recording: %w", err), nil)
		return
	}
	if err := r.to.Sync(); err != nil {
		r.fail(fmt.Errorf("finish recording: %w", err), nil)
	}
}

func (r *Recording) fail(file, device error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, file)
	r.lost = errors.Join(r.lost, device)
}

func (r *Recording) end() {
	r.stop.Do(func() {
		close(r.stopping)
		r.src.device.Stop()
	})
}

// ToneEnded notes that the ready tone is over: the take begins here, and what
// was heard before no longer counts for the speech check. Simulated voices
// wait for it before they speak.
func (r *Recording) ToneEnded() {
	r.mu.Lock()
	r.tone = lasting(r.bytes/2, r.rate)
	r.meter.tone()
	r.mu.Unlock()
	if s, ok := r.src.device.(interface{ toneEnded() }); ok {
		s.toneEnded()
	}
}

// Elapsed is how much sound has been recorded, tone included.
func (r *Recording) Elapsed() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lasting(r.bytes/2, r.rate)
}

// Said is closed when a simulated voice has said all it has to say; for a
// real microphone it is nil, on which a receive waits for ever.
func (r *Recording) Said() <-chan struct{} {
	if s, ok := r.src.device.(interface{ saidAll() <-chan struct{} }); ok {
		return s.saidAll()
	}
	return nil
}

// Done is closed once the device is closed, the light is out and the file is
// whole, for whatever reason. Lost then says whether the end came unasked.
func (r *Recording) Done() <-chan struct{} { return r.done }

// Lost gives why the recording ended by itself (a microphone pulled out), or
// nil. It is meaningful once Done is closed.
func (r *Recording) Lost() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// Stop ends the recording and waits until the device is closed and the file is
// whole and synced; that takes at most a few seconds. The take is right even
// when the device was lost half-way. The error is about the file: with it,
// the take must not be called saved. Stop may be repeated.
func (r *Recording) Stop() (Take, error) {
	r.end()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return Take{
		Duration: lasting(r.bytes/2, r.rate),
		ToneEnd:  r.tone,
		Voiced:   r.meter.voiced(),
		Peak:     r.meter.peak,
		Clipped:  r.meter.clipped,
		Dead:     r.meter.dead,
		Lost:     r.lost != nil,
	}, r.err
}
