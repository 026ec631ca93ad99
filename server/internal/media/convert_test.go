package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// fakes stand in for ffmpeg: this test's own program, started under their name.
var fakes = map[string]func(dir string) error{
	"hang": func(dir string) error {
		child := exec.Command(filepath.Join(dir, "hang-child"))
		child.Stdout = os.Stdout // keeps the pipe open
		if err := child.Start(); err != nil {
			return err
		}
		return hang(dir)
	},
	"hang-child": hang,
	"flood": func(string) error {
		ended := make(chan error, 1)
		go func() { ended <- endlessly(os.Stderr) }()
		return errors.Join(endlessly(os.Stdout), <-ended)
	},
	"garbage": func(string) error {
		_, err := os.Stdout.WriteString(strings.Repeat("x", 2*convertBlock+1))
		return err
	},
	"nothing": func(string) error { return nil },
	"exit 1": func(string) error {
		if err := aSecondOfNoise(os.Stdout); err != nil {
			return err
		}
		return errors.New("/srv/private: Invalid data found")
	},
	"other length": func(dir string) error {
		// The second run gives less than the first.
		n := 96_000
		if err := os.Mkdir(filepath.Join(dir, "ran"), 0o700); err != nil {
			n = 48_000
		}
		_, err := os.Stdout.Write(make([]byte, n))
		return err
	},
	"look": look,
}

func TestMain(m *testing.M) {
	if fake := fakes[filepath.Base(os.Args[0])]; fake != nil {
		if err := fake(filepath.Dir(os.Args[0])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hang tells the test that it runs, and waits until it is killed.
func hang(dir string) error {
	c, err := net.Dial("unix", filepath.Join(dir, "s"))
	if err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

func endlessly(w io.Writer) error {
	for {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return err
		}
	}
}

func aSecondOfNoise(w io.Writer) error {
	for i := range 96 {
		if _, err := w.Write(bytes.Repeat([]byte{byte(i), 1}, 500)); err != nil {
			return err
		}
	}
	return nil
}

// look complains of everything that a child shall not have.
func look(string) error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "LC_ALL" && name != "AV_LOG_FORCE_NOCOLOR" {
			complain("environment has %s", name)
		}
	}
	if b, err := io.ReadAll(os.Stdin); err != nil || len(b) > 0 {
		complain("stdin: %d bytes, %v", len(b), err)
	}
	if b, err := os.ReadFile(convertInput); err != nil || string(b[4:8]) != "ftyp" {
		complain("input: %d bytes, %v", len(b), err)
	}
	if pid := os.Getpid(); syscall.Getpgrp() != pid {
		complain("in the group of another")
	}
	var sig int32
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&sig)), 0); errno != 0 || sig != int32(syscall.SIGKILL) {
		complain("outlives its parent: %d, %v", sig, errno)
	}
	for _, pair := range [][2]string{{"-protocol_whitelist", "file,pipe"}, {"-f", "mov"}, {"-i", convertInput}, {"-t", "602"}} {
		if at := slices.Index(os.Args, pair[0]); at < 0 || os.Args[at+1] != pair[1] {
			complain("no %s %s", pair[0], pair[1])
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	return aSecondOfNoise(os.Stdout)
}

// fake returns a converter that is one of fakes, and the folder it is in.
func fake(t *testing.T, name string) (Converter, string) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	must(t, err)
	for _, n := range []string{name, name + "-child"} {
		must(t, os.Symlink(self, filepath.Join(dir, n)))
	}
	return Converter{Path: filepath.Join(dir, name)}, dir
}

func convert(ctx context.Context, t *testing.T, c Converter, data []byte) ([]byte, Info, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "upload")
	must(t, os.WriteFile(name, data, 0o600))
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	var out bytes.Buffer
	info, err := SharedAudio(ctx, f, Info{Size: int64(len(data))}, &out, c)
	return out.Bytes(), info, err
}

func TestConverter_Missing(t *testing.T) {
	m4a := vector(t, "tone.m4a")
	_, _, err := convert(t.Context(), t, Converter{}, m4a)
	wantCode(t, err, NeedsConverter)
	_, _, err = convert(t.Context(), t, Converter{Path: filepath.Join(t.TempDir(), "removed")}, m4a)
	wantCode(t, err, NeedsConverter)
	_, err = Peaks(t.Context(), bytes.NewReader(m4a), Info{Size: int64(len(m4a))}, 10)
	wantCode(t, err, UnknownEncoding)
	t.Setenv("PATH", t.TempDir())
	if c := FindConverter(); c != (Converter{}) {
		t.Errorf("found %+v where there is none", c)
	}
	// What Go decodes needs none.
	_, _, err = convert(t.Context(), t, Converter{}, vector(t, "tone.mp3"))
	must(t, err)
}

func TestFindConverter_IsAbsolute(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "ffmpeg"), []byte("#!/bin/sh\n"), 0o700))
	t.Setenv("PATH", dir)
	if got := FindConverter(); got.Path != filepath.Join(dir, "ffmpeg") {
		t.Errorf("found %+v", got)
	}
}

func TestConverter_NeverTrustsTheChild(t *testing.T) {
	for name, want := range map[string]Code{
		"flood": TooLong, "garbage": ConversionFailed, "nothing": TooShort, "exit 1": ConversionFailed, "other length": DamagedFile,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := fake(t, name)
			_, _, err := convert(t.Context(), t, c, vector(t, "tone.m4a"))
			wantCode(t, err, want)
			var e *Error
			if errors.As(err, &e) && strings.Contains(e.Sentence, "private") {
				t.Errorf("people would read %q", e.Sentence)
			}
			if len(err.Error()) > 1024 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestConverter_ChildHasNoMoreThanItNeeds(t *testing.T) {
	t.Setenv("ILLUMI_TEST_SECRET", "secret")
	c, _ := fake(t, "look")
	wav, info, err := convert(t.Context(), t, c, vector(t, "tone.m4a"))
	must(t, err)
	samples(t, wav, info)
}

// The child and its own child end with the context, and are ended by our limit.
func TestConverter_HangingChild(t *testing.T) {
	for name, tt := range map[string]struct {
		cause error
		check func(error)
	}{
		"stopped": {nil, func(err error) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v", err)
			}
		}},
		"out of time": {errWorkTime, func(err error) { wantCode(t, err, TookTooLong) }},
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := fake(t, "hang")
			l, err := net.Listen("unix", filepath.Join(dir, "s"))
			must(t, err)
			defer func() { must(t, l.Close()) }()
			must(t, l.(*net.UnixListener).SetDeadline(time.Now().Add(time.Minute)))
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			over := make(chan error, 1)
			m4a := vector(t, "tone.m4a")
			go func() {
				_, _, err := convert(ctx, t, c, m4a)
				over <- err
			}()
			var running []net.Conn
			for range 2 {
				conn, err := l.Accept()
				must(t, err)
				defer func() { must(t, conn.Close()) }()
				running = append(running, conn)
			}
			stop(tt.cause)
			select {
			case err := <-over:
				tt.check(err)
			case <-time.After(time.Minute):
				t.Fatal("still waiting for a child that was to be killed")
			}
			for _, conn := range running {
				must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("a process lives on: %v", err)
				}
			}
		})
	}
}

// A disk that cannot be read is not the fault of the file.
func TestConverter_DiskIsNotDamage(t *testing.T) {
	c, _ := fake(t, "exit 1")
	dir, err := os.Open(t.TempDir()) // opens, but does not read
	must(t, err)
	defer dir.Close()
	err = work(t.Context(), dir, 1000, func(f *file) error {
		tr, err := c.track(f)
		if err != nil {
			return err
		}
		return tr.each(f, func([]float32) error { return nil })
	})
	var e *Error
	if !errors.Is(err, syscall.EISDIR) || errors.As(err, &e) {
		t.Errorf("err = %v", err)
	}
	data := vector(t, "tone.m4a")
	_, err = SharedAudio(t.Context(), bytes.NewReader(data), Info{Size: int64(len(data))}, io.Discard, c)
	if err == nil || errors.As(err, &e) {
		t.Errorf("a reader that is no file: %v", err)
	}
}

// needFFmpeg returns the true converter.
func needFFmpeg(t *testing.T) Converter {
	t.Helper()
	c := FindConverter()
	if c.Path == "" {
		t.Skip("ffmpeg is not installed: nothing here can make or read AAC")
	}
	return c
}

// What phones and computers call a voice recording.
func TestConverter_EveryKindOfM4A(t *testing.T) {
	c := needFFmpeg(t)
	sine := func(rate, channels string, more ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=" + rate + ":duration=2", "-ac", channels}, more...)
	}
	secret := []string{"-metadata", "title=SECRETPLACE", "-metadata", "location=+52.0908+005.1222/", "-metadata", "comment=SECRETPLACE"}
	aac := func(more ...string) []string {
		return slices.Concat([]string{"-c:a", "aac", "-b:a", "64k"}, secret, more)
	}
	for name, args := range map[string][]string{
		"iPhone voice memo, index behind": sine("48000", "1", aac("-f", "ipod", "-brand", "M4A ")...),
		"stereo, index in front":          sine("44100", "2", aac("-f", "ipod", "-movflags", "+faststart")...),
		"mp42":                            sine("44100", "1", aac("-f", "mp4", "-brand", "mp42")...),
		"isom":                            sine("44100", "1", aac("-f", "mp4", "-brand", "isom")...),
		"M4V label, only sound":           sine("44100", "1", aac("-f", "mp4", "-brand", "M4V ")...),
		"QuickTime":                       sine("48000", "2", aac("-f", "mov")...),
		"3gp":                             sine("16000", "1", aac("-f", "3gp", "-brand", "3gp4")...),
		"in fragments":                    sine("48000", "1", aac("-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "200000")...),
		"Apple lossless":                  sine("48000", "1", slices.Concat(secret, []string{"-c:a", "alac", "-f", "ipod"})...),
		"quiet":                           sine("48000", "1", aac("-af", "volume=0.1", "-f", "ipod")...),
		"cover": slices.Concat([]string{"-f", "lavfi", "-i", "color=red:size=16x16:duration=1"},
			sine("48000", "1", aac("-map", "1", "-map", "0", "-frames:v", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic", "-f", "ipod")...)),
	} {
		t.Run(name, func(t *testing.T) {
			m4a := madeBy(t, c, args)
			if _, err := inspectBytes(t, m4a, Audio); err != nil {
				t.Fatalf("not accepted: %v", err)
			}
			wav, info, err := convert(t.Context(), t, c, m4a)
			must(t, err)
			if bytes.Contains(wav, []byte("SECRETPLACE")) || bytes.Contains(wav, []byte("52.09")) {
				t.Error("the copy tells what the original says of itself")
			}
			s := samples(t, wav, info)
			middle := s[len(s)/4 : len(s)*3/4]
			about(t, "duration", info.Duration.Seconds(), 2, 0.1)
			about(t, "rate", float64(info.SampleRate), 48_000, 0)
			about(t, "level", rms(middle), targetLevel, 0.5)
			about(t, "pitch", pitch(middle, info.SampleRate), 440, 4)
			about(t, "crest", peak(middle)-rms(middle), 3, 0.6)
			again, _, err := convert(t.Context(), t, c, m4a)
			must(t, err)
			if !bytes.Equal(wav, again) {
				t.Error("two runs differ")
			}
		})
	}
}

// madeBy lets ffmpeg write a file, which for M4A it has to be able to seek in.
func madeBy(t *testing.T, c Converter, args []string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "made")
	args = append(append([]string{"-nostdin", "-v", "error", "-y"}, args...), name)
	if text, err := exec.CommandContext(t.Context(), c.Path, args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, text)
	}
	b, err := os.ReadFile(name)
	must(t, err)
	return b
}

func TestConverter_Damaged(t *testing.T) {
	c := needFFmpeg(t)
	m4a := vector(t, "tone.m4a")
	noise := bytes.Clone(m4a)
	index := bytes.Index(noise, []byte("stsd"))
	copy(noise[index+12:], "xxxxnope") // an encoding that nobody knows
	_, _, err := convert(t.Context(), t, c, noise)
	wantCode(t, err, ConversionFailed)

	hole := bytes.Clone(m4a)
	for i := range 1000 {
		hole[1000+i] ^= byte(i * 37) // in the middle of the sound
	}
	_, _, err = convert(t.Context(), t, c, hole)
	wantCode(t, err, ConversionFailed)
}
