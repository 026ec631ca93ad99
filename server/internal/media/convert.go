package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"illumi/protocol"
)

// Converter reads what Go cannot read without C (the AAC of M4A) through a
// child process. Its zero value is a server without one: recordings that need
// it are refused with NeedsConverter.
type Converter struct {
	// Path is ffmpeg, as an absolute path.
	Path string
}

// FindConverter looks ffmpeg up on PATH, and is zero where it is not installed.
func FindConverter() Converter {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return Converter{}
	}
	if path, err = filepath.Abs(path); err != nil {
		return Converter{}
	}
	return Converter{Path: path}
}

const (
	// The child inherits the open upload under this number; files have no names
	// here that it could be told, and M4A cannot be read from a pipe.
	convertInput = "/dev/fd/3"
	// convertSeconds is one more than accepted, so that a longer recording is
	// refused rather than cut.
	convertSeconds = protocol.MaxAudioSeconds + graceSeconds + 1
	convertBlock   = 32 << 10 // bytes
	convertNice    = 10
	// lastWords is how long a killed child's pipes are waited for.
	lastWords = 2 * time.Second
)

// convertArguments let ffmpeg open this one file as MP4 and nothing else, with
// the decoders that such recordings have, and take its first sound only. A part
// that cannot be decoded fails the whole (-xerror): ffmpeg would leave it out.
var convertArguments = []string{
	"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-xerror", "-max_alloc", "268435456", "-threads", "1",
	"-protocol_whitelist", "file,pipe", "-codec_whitelist", "aac,alac,mp3,mp3float,opus,amrnb,amrwb", "-f", "mov",
	"-i", convertInput,
	"-vn", "-sn", "-dn", "-map", "0:a:0", "-map_metadata", "-1", "-t", strconv.Itoa(convertSeconds),
	"-ac", "1", "-ar", strconv.Itoa(sharedRate), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1",
}

// track is the sound of f as ffmpeg reads it: one channel, the mean of all, at
// 48 kHz. Each opening is a run of its own, so that nothing has to be kept.
func (c Converter) track(f *file) (track, error) {
	if c.Path == "" {
		return track{}, refuse(NeedsConverter, nil)
	}
	in, ok := f.r.(*os.File)
	if !ok {
		f.err = fmt.Errorf("a %T, where the converter needs an open file", f.r)
		return track{}, f.err
	}
	return track{
		format: format{rate: sharedRate, channels: 1}, frames: -1,
		open: func() (decoder, error) { return c.start(f, in) },
	}, nil
}

// conversion is a running child, in a process group of its own.
type conversion struct {
	f      *file
	cmd    *exec.Cmd
	cancel context.CancelFunc
	out    *os.File
	words  head
	over   bool // the child has been waited for

	raw   []byte
	block []float32
}

func (c Converter) start(f *file, in *os.File) (*conversion, error) {
	out, stdout, err := os.Pipe()
	if err != nil {
		f.err = fmt.Errorf("pipe for the converter: %w", err)
		return nil, f.err
	}
	ctx, cancel := context.WithCancel(f.ctx)
	d := &conversion{f: f, cancel: cancel, out: out, raw: make([]byte, convertBlock)}
	d.cmd = exec.CommandContext(ctx, c.Path, convertArguments...)
	d.cmd.Dir = "/"
	d.cmd.Env = []string{"LC_ALL=C", "AV_LOG_FORCE_NOCOLOR=1"} // nothing of ours: the environment can hold secrets
	d.cmd.Stdout, d.cmd.Stderr = stdout, &d.words
	d.cmd.ExtraFiles = []*os.File{in}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	d.cmd.Cancel = func() error {
		err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	d.cmd.WaitDelay = lastWords
	err = d.cmd.Start()
	stdout.Close()
	if err != nil {
		cancel()
		out.Close()
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) { // removed since it was found
			return nil, refuse(NeedsConverter, err)
		}
		f.err = fmt.Errorf("start the converter: %w", err) // short of memory or processes: the file is not to blame
		return nil, f.err
	}
	// A child of the child that left the group could keep the pipe open.
	context.AfterFunc(ctx, func() { out.Close() })
	// It only spares the requests of others; failing to do so harms nothing.
	_ = syscall.Setpriority(syscall.PRIO_PGRP, d.cmd.Process.Pid, convertNice)
	return d, nil
}

func (d *conversion) next() ([]float32, error) {
	n, err := io.ReadFull(d.out, d.raw)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		d.over = true
		if err := d.cmd.Wait(); err != nil {
			return nil, d.failed(err)
		}
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, d.failed(err)
	case n%2 != 0:
		return nil, d.failed(errors.New("half a sample"))
	}
	d.block = d.block[:0]
	for at := 0; at < n; at += 2 {
		d.block = append(d.block, float32(int16(binary.LittleEndian.Uint16(d.raw[at:])))/32768)
	}
	return d.block, nil
}

// Close ends the child where it has not ended, and waits for it.
func (d *conversion) Close() error {
	d.cancel()
	d.out.Close()
	if !d.over {
		d.over = true
		_ = d.cmd.Wait() // we killed it, so that its end says nothing
	}
	return nil
}

// failed refuses the file, unless it is the disk that cannot be read: the child
// would not tell, so the file is read through.
func (d *conversion) failed(cause error) error {
	if err := d.Close(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, d.f.from(0)); err != nil {
		return err
	}
	return refusef(ConversionFailed, "ffmpeg: %w: %q", cause, d.words)
}

// head keeps the beginning of what a program complains: the first line mostly
// has the cause, and a hostile file can make it complain for ever.
type head []byte

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), 512-len(*h))]...)
	return len(p), nil
}
