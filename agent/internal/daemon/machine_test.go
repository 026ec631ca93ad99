package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
)

// The test's own program plays arecord and rpicam-still: that is where the
// machine begins.
func TestMain(m *testing.M) {
	dir := os.Getenv("ILLUMI_FAKE_DIR")
	switch os.Getenv("ILLUMI_FAKE") {
	case "arecord":
		os.Exit(fakeRecorder(dir))
	case "rpicam":
		os.Exit(fakeCamera(dir))
	}
	os.Exit(m.Run())
}

// Files in the folder of a fake machine.
const (
	micGone    = "microphone-is-gone"
	micSilent  = "nobody-speaks"
	micOpen    = "microphone-is-open" // locked while it is
	cameraGone = "camera-is-gone"
)

func there(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func complain(words string) int {
	fmt.Fprintln(os.Stderr, words)
	return 1
}

// fakeRecorder speaks as fast as the people of these tests, until it is
// interrupted or its microphone is pulled out.
func fakeRecorder(dir string) int {
	if there(dir, micGone) {
		return complain("arecord: main:831: audio open error: No such file or directory")
	}
	f, err := os.OpenFile(filepath.Join(dir, micOpen), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return complain(err.Error())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return complain(err.Error())
	}
	speech := media.Babble("fake", 1).Samples
	if there(dir, micSilent) {
		for i := range speech {
			speech[i] = int16(i % 3)
		}
	}
	began, at := time.Now(), 0
	for {
		if there(dir, micGone) {
			return complain("arecord: pcm_read:2221: read error: No such device")
		}
		due := int(time.Since(began).Seconds() * calm.Speed * media.Rate)
		var out []byte
		for ; at < due; at++ {
			out = binary.LittleEndian.AppendUint16(out, uint16(speech[at%len(speech)]))
		}
		if _, err := os.Stdout.Write(out); err != nil {
			return 1
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// fakeCamera takes one picture, or finds no camera.
func fakeCamera(dir string) int {
	time.Sleep(10 * time.Millisecond)
	if there(dir, cameraGone) {
		return complain("ERROR: *** no cameras available ***")
	}
	if slices.Contains(os.Args, "--list-cameras") {
		fmt.Println("Available cameras\n-----------------\n0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)")
		return 0
	}
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: uint8(i)}.Y
	}
	f, err := os.Create(os.Args[slices.Index(os.Args, "-o")+1])
	if err == nil {
		err = errors.Join(jpeg.Encode(f, img, nil), f.Close())
	}
	if err != nil {
		return complain(err.Error())
	}
	return 0
}

// calm makes people slower than elsewhere in these tests, so that they miss no
// question on a busy machine.
var calm = media.Pace{Speed: 25}

// machine is a box's parts, which a test pulls out and puts back.
type machine struct {
	t   testing.TB
	dir string

	events  chan func(changed func(Part, bool))
	speaker *voicebox
	screen  *pane
	busy    sync.WaitGroup
	voices  atomic.Int32 // told of in the recording under way
}

func newMachine(t testing.TB) *machine {
	return &machine{t: t, dir: t.TempDir(), events: make(chan func(func(Part, bool)), 64), speaker: newVoicebox(), screen: &pane{}}
}

// fit gives a box these parts.
func (m *machine) fit(o *Options) {
	live := media.NewLive(calm, o.Panel.Recording)
	env := []string{"ILLUMI_FAKE_DIR=" + m.dir}
	o.Microphone = &media.ALSAMicrophone{Live: live, Program: media.Program{Path: os.Args[0], Env: append(env, "ILLUMI_FAKE=arecord")}}
	o.Camera = &media.PiCamera{Live: live, Program: media.Program{Path: os.Args[0], Env: append(env, "ILLUMI_FAKE=rpicam")}}
	o.Speaker, o.Display, o.Pace = m.speaker, m.screen, calm
	o.Watch = func(ctx context.Context, changed func(Part, bool)) error {
		for {
			select {
			case e := <-m.events:
				e(changed)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (m *machine) file(name string, is bool) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	var err error
	if is {
		err = os.WriteFile(path, nil, 0o600)
	} else if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		m.t.Error(err)
	}
}

// set pulls a part out or puts it back. The network is the server's, see box.network.
func (m *machine) set(p Part, is bool) {
	m.t.Helper()
	switch p {
	case PartMicrophone:
		m.file(micGone, !is)
	case PartCamera:
		m.file(cameraGone, !is)
	case PartSpeaker:
		m.speaker.set(is)
	case screenPart:
		m.screen.set(is)
		return // nobody watches for it but the screen itself
	}
	m.events <- func(changed func(Part, bool)) { changed(p, is) }
}

// listen counts how often the box is told of a voice.
func (m *machine) listen(e flow.Event, now flow.State) {
	switch {
	case now.Phase != flow.Recording:
		m.voices.Store(0)
	case e.Kind == flow.KindVoice:
		m.voices.Add(1)
	}
}

// heard reports whether what is being recorded will do, if anybody speaks.
func (m *machine) heard() bool { return m.voices.Load() >= enough || there(m.dir, micSilent) }

// recording reports whether a program has the microphone open.
func (m *machine) recording() bool {
	f, err := os.OpenFile(filepath.Join(m.dir, micOpen), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil // shared: others may look as well
}

// voicebox is a loudspeaker that can be pulled out while it sounds.
type voicebox struct {
	media.NullSpeaker
	mu   sync.Mutex
	gone chan struct{} // closed while it is out
}

func newVoicebox() *voicebox {
	return &voicebox{NullSpeaker: media.NullSpeaker{Pace: calm}, gone: make(chan struct{})}
}

func (v *voicebox) set(is bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if is {
		v.gone = make(chan struct{})
	} else {
		close(v.gone)
	}
}

func (v *voicebox) Play(ctx context.Context, title string, s media.Sound, gain float64) error {
	v.mu.Lock()
	gone := v.gone
	v.mu.Unlock()
	one, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-gone:
			cancel()
		case <-one.Done():
		}
	}()
	err := v.NullSpeaker.Play(one, title, s, gain)
	if err != nil && ctx.Err() == nil {
		return &media.Fault{Code: media.CodeSpeaker, Text: "The loudspeaker does not play."}
	}
	return err
}

// pane is a screen that can be pulled out.
type pane struct {
	mu    sync.Mutex
	out   bool
	shown string
	night []bool
}

func (p *pane) set(is bool) { p.mu.Lock(); defer p.mu.Unlock(); p.out = !is }

func (p *pane) Show(path, _ string) error { return p.show(path) }
func (p *pane) Blank() error              { return p.show("") }
func (p *pane) show(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return errors.New("there is no screen")
	}
	p.shown = path
	return nil
}

func (p *pane) Night(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.night = append(p.night, on)
}

func (p *pane) dark() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.night) > 0 && p.night[len(p.night)-1]
}
