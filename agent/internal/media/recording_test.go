package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestFileMicrophone_SpeaksAfterTheTone(t *testing.T) {
	path := write(t, "gruß an alle.wav", EncodeWAV(sine(300, 44100, 2*time.Second, -6)))
	synctest.Test(t, func(t *testing.T) {
		to, l := tempFile(t, "take.wav"), &lamp{}
		mic := &FileMicrophone{Path: path, Live: NewLive(Pace{}, l.set)}
		var loudest, count = Silence, 0
		r, err := mic.Open(t.Context(), to, func(lv Level) { loudest, count = max(loudest, lv.RMS), count+1 })
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if r.Elapsed() < 450*ms || loudest > -60 {
			t.Errorf("after 500 ms: %v recorded, %.0f dBFS", r.Elapsed(), loudest)
		}
		r.ToneEnded()
		<-r.Said()
		take, err := r.Stop()
		if err != nil || take.Speech() != SpeechHeard || take.Lost || take.Dead {
			t.Errorf("%+v %q, %v", take, take.Speech(), err)
		}
		if take.ToneEnd < 450*ms || take.ToneEnd > 550*ms || take.Duration < 2400*ms || take.Duration > 2700*ms {
			t.Errorf("tone ended at %v of %v", take.ToneEnd, take.Duration)
		}
		if l.lit() {
			t.Error("light still on")
		}
		got := readAll(t, to.Name())
		if got.Rate != Rate || got.Duration() != take.Duration || count != int(take.Duration/window) {
			t.Errorf("file has %v at %d Hz, %d levels", got.Duration(), got.Rate, count)
		}
		again, err := r.Stop()
		if err != nil || again != take {
			t.Errorf("second Stop: %+v, %v", again, err)
		}
	})
}

func TestRecording_EndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		to, l := tempFile(t, "take.wav"), &lamp{}
		r, err := (&GeneratedMicrophone{Name: "a", Live: NewLive(Pace{}, l.set)}).Open(ctx, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		cancel()
		<-r.Done()
		if l.lit() || r.Lost() != nil {
			t.Errorf("lit %v, lost %v", l.lit(), r.Lost())
		}
		if d := readAll(t, to.Name()).Duration(); d < 1900*ms {
			t.Errorf("%v of 2 s are in the file", d)
		}
	})
}

// endless is a microphone that hums faster than anybody can listen.
type endless struct{ stopped atomic.Bool }

func (e *endless) Stop()        { e.stopped.Store(true) }
func (e *endless) Close() error { return nil }
func (e *endless) Read(p []int16) (int, error) {
	if e.stopped.Load() {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 100
	}
	return len(p), nil
}

func TestRecording_TenMinutesAreTheEnd(t *testing.T) {
	const slow = minRate // few samples make ten minutes
	to := tempFile(t, "take.wav")
	r, err := record(t.Context(), NewLive(Pace{1e6}, func(bool) {}), to, slow, nil, func() (source, error) { return &endless{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	if r.Elapsed() != longest || r.Lost() != nil {
		t.Errorf("recorded %v, %v", r.Elapsed(), r.Lost())
	}
	if st, err := to.Stat(); err != nil || st.Size() != headerSize+2*int64(samplesIn(longest, slow)) {
		t.Errorf("%v, %v", st, err)
	}
}

func TestRecording_FullDiskIsAnErrorOfTheFile(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	l := &lamp{}
	_, err = (&GeneratedMicrophone{Name: "a", Live: NewLive(Pace{1000}, l.set)}).Open(t.Context(), full, nil)
	if err == nil || len(l.log) != 0 {
		t.Errorf("recording began on a full disk: %v, light %v", err, l.log)
	}
}

func TestRecording_WriteErrorClosesMicrophone(t *testing.T) {
	to, l := tempFile(t, "take.wav"), &lamp{}
	r, err := (&GeneratedMicrophone{Name: "a", Live: NewLive(Pace{1000}, l.set)}).Open(t.Context(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	to.Close() // the disk is gone
	<-r.Done()
	if _, err := r.Stop(); err == nil || l.lit() {
		t.Errorf("error %v, lit %v", err, l.lit())
	}
}

func TestPushedMicrophone_TakesWhatThePageSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []Want
		mic := &PushedMicrophone{Live: NewLive(Pace{}, func(bool) {}), Ask: func(w Want) { asked = append(asked, w) },
			Otherwise: &GeneratedMicrophone{Name: "a"}}
		pcm := EncodeWAV(sine(300, 48000, 2*time.Second, -6))[headerSize:]
		if err := mic.Push(t.Context(), 48000, pcm, true); !errors.Is(err, ErrNotListening) {
			t.Errorf("push into a closed microphone: %v", err)
		}
		mic.Use(true)
		to := tempFile(t, "take.wav")
		r, err := mic.Open(t.Context(), to, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.ToneEnded()
		if err := mic.Push(t.Context(), 48000, pcm[:1001], false); err == nil {
			t.Error("half a sample was taken")
		}
		if err := mic.Push(t.Context(), 48000, pcm[:100000], false); err != nil {
			t.Fatal(err)
		}
		// The rest is on its way when the button is pressed.
		go func() {
			time.Sleep(300 * time.Millisecond)
			if err := mic.Push(t.Context(), 48000, pcm[100000:], true); err != nil {
				t.Error(err)
			}
		}()
		take, err := r.Stop()
		if err != nil || take.Lost || take.Duration < 1990*ms || take.Duration > 2010*ms || take.Speech() != SpeechHeard {
			t.Errorf("%+v, %v, %v", take, err, r.Lost())
		}
		if err := mic.Push(t.Context(), 48000, pcm, true); !errors.Is(err, ErrNotListening) {
			t.Errorf("push after the end: %v", err)
		}
		if want := []Want{WantListen, WantSpeak, WantNothing}; len(asked) != 3 || asked[0] != want[0] || asked[1] != want[1] || asked[2] != want[2] {
			t.Errorf("asked %q", asked)
		}
		// A page that is looked at but sends nothing costs less than a second.
		began := time.Now()
		r, err = mic.Open(t.Context(), tempFile(t, "b.wav"), nil)
		if err != nil {
			t.Fatal(err)
		}
		take, err = r.Stop()
		if err != nil || take.Duration != 0 || take.Speech() != SpeechShort || time.Since(began) > time.Second {
			t.Errorf("%+v, %v after %v", take, err, time.Since(began))
		}
	})
}

func TestALSAMicrophone_RecordsAndStops(t *testing.T) {
	to := tempFile(t, "take.wav")
	mic := &ALSAMicrophone{Device: "plughw:CARD=Device,DEV=0", Live: NewLive(Pace{1000}, func(bool) {}), Program: fake("record")}
	levels := make(chan Level, 1000)
	r, err := mic.Open(t.Context(), to, func(l Level) { levels <- l })
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		<-levels
	}
	take, err := r.Stop()
	if err != nil || take.Lost || r.Lost() != nil || take.Duration < 500*ms {
		t.Errorf("%+v, %v, %v", take, err, r.Lost())
	}
	b, err := os.ReadFile(to.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b[:headerSize], header(Rate, int64(len(b)-headerSize))) || len(b)%2 != 0 {
		t.Errorf("header does not tell the file's %d bytes", len(b))
	}
	for i, v := range b[headerSize : headerSize+3200] { // bytes arrive in order
		if v != byte(i%7) {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
}

func TestALSAMicrophone_Failures(t *testing.T) {
	live := NewLive(Pace{1000}, func(bool) {})
	for kind, words := range map[string]string{"busy": "Another program", "absent": "card", "mute": "no sound for too long"} {
		mic := &ALSAMicrophone{Live: live, Program: fake(kind), hung: 300 * ms, gap: ms}
		_, err := mic.Open(t.Context(), tempFile(t, "take.wav"), nil)
		var f *Fault
		if !errors.As(err, &f) || f.Code != CodeMicrophone || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	// Pulled out in the middle: what came is kept, and the loss is named.
	to := tempFile(t, "take.wav")
	r, err := (&ALSAMicrophone{Live: live, Program: fake("unplugged")}).Open(t.Context(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	take, err := r.Stop()
	if err != nil || !take.Lost || take.Duration != 100*ms || readAll(t, to.Name()).Duration() != 100*ms ||
		!strings.Contains(r.Lost().Error(), "No such device") {
		t.Errorf("%+v, %v, %v", take, err, r.Lost())
	}
	// One that neither gives sound nor takes notice of its interrupt is killed.
	r, err = (&ALSAMicrophone{Live: live, Program: fake("hangs"), hung: 200 * ms}).Open(t.Context(), tempFile(t, "h.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if take, err := r.Stop(); err != nil || take.Duration != 100*ms {
		t.Errorf("hanging arecord: %+v, %v", take, err)
	}
	// So is one that takes no notice of it and goes on listening.
	l := &lamp{}
	r, err = (&ALSAMicrophone{Live: NewLive(Pace{1000}, l.set), Program: fake("goes on"), hung: 200 * ms}).Open(t.Context(), tempFile(t, "d.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if take, err := r.Stop(); err != nil || take.Lost || l.lit() {
		t.Errorf("arecord that goes on: %+v, %v, lit %v", take, err, l.lit())
	}
}

func TestChild_LeavesNobodyBehind(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := fake("leaves a child")
	c, err := startChild(p, "rpicam-still", nil, w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.wait(t.Context()); err != nil {
		t.Error(err)
	}
	// The pipe ends once nobody holds it any more.
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
}

func TestALSASpeaker_PlaysAll(t *testing.T) {
	played := t.TempDir() + "/played"
	sp := &ALSASpeaker{Device: "plughw:CARD=Device", Program: fake("play", "ILLUMI_PLAYED="+played)}
	c := sine(500, 22050, time.Second, -20)
	if err := sp.Play(t.Context(), "x", c.Sound(), 6); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(played)
	if err != nil {
		t.Fatal(err)
	}
	whole := EncodeWAV(Clip{Rate: 22050, Samples: make([]int16, len(b)/2)})
	copy(whole[headerSize:], b)
	got := readAll(t, write(t, "p.wav", whole))
	if want := len(c.Samples) + samplesIn(wake, 22050); len(got.Samples) != want {
		t.Errorf("%d samples played, want %d", len(got.Samples), want)
	}
	if p := measured(got).peak; p < -14.5 || p > -13.5 {
		t.Errorf("peak %.1f dBFS, want -14", p)
	}
}

func TestALSASpeaker_StopsAtOnceAndNamesFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	go func() { <-began; cancel() }()
	s := &watched{Sound: sine(500, Rate, time.Minute, -20).Sound(), began: began}
	start := time.Now()
	err := (&ALSASpeaker{Program: fake("deaf")}).Play(ctx, "x", s, 0)
	if !errors.Is(err, context.Canceled) || !s.closed || time.Since(start) > 10*time.Second {
		t.Errorf("%v, closed %v after %v", err, s.closed, time.Since(start))
	}
	var f *Fault
	err = (&ALSASpeaker{Program: fake("no card")}).Play(t.Context(), "x", sine(500, Rate, time.Minute, -20).Sound(), 0)
	if !errors.As(err, &f) || f.Code != CodeSpeaker || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("%v", err)
	}
}

// watched tells when a sound is first read, and whether it was closed.
type watched struct {
	Sound
	began  chan struct{}
	read   bool
	closed bool
}

func (w *watched) Read(p []int16) (int, error) {
	if !w.read {
		w.read = true
		close(w.began)
	}
	return w.Sound.Read(p)
}
func (w *watched) Close() error { w.closed = true; return nil }

func TestSpeakers_TakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		path := t.TempDir() + "/said.wav"
		file, err := OpenFileSpeaker(path, &log, Pace{})
		if err != nil {
			t.Fatal(err)
		}
		var offered []string
		handed := &HandedSpeaker{Offer: func(title string, wav []byte) func() {
			offered = append(offered, title)
			return func() { offered = append(offered, "withdrawn") }
		}}
		for name, sp := range map[string]Speaker{"null": &NullSpeaker{}, "file": file, "handed": handed} {
			p := &Player{Speaker: sp, Pack: Pack{Murmur: true}}
			began := time.Now()
			if err := p.Tone(t.Context(), "ready", 0); err != nil || time.Since(began) != 500*ms {
				t.Errorf("%s: tone took %v, %v", name, time.Since(began), err)
			}
			// Cut off after 300 ms.
			ctx, cancel := context.WithTimeout(t.Context(), 300*ms)
			began = time.Now()
			err := p.Say(ctx, "invite", "Press now to answer. Or come back later.", -6)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 400*ms {
				t.Errorf("%s: stopped after %v, %v", name, time.Since(began), err)
			}
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if d := readAll(t, path).Duration(); d < 790*ms || d > 910*ms {
			t.Errorf("speaker file has %v", d)
		}
		if s := log.String(); !strings.Contains(s, "tone: ready to the end") || !strings.Contains(s, "later.” cut off") {
			t.Errorf("log:\n%s", s)
		}
		if s := strings.Join(offered, ","); s != "tone: ready,withdrawn,“Press now to answer. Or come back later.”,withdrawn" {
			t.Errorf("offered %s", s)
		}
		again, err := OpenFileSpeaker(path, nil, Pace{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join((&Player{Speaker: again}).Tone(t.Context(), "tick", 0), again.Close()); err != nil {
			t.Fatal(err)
		}
		if d := readAll(t, path).Duration(); d < 850*ms || d > 970*ms {
			t.Errorf("speaker file has %v after it was opened again", d)
		}
	})
}

func TestPlayer_FileThatIsNoSound(t *testing.T) {
	p := &Player{Speaker: &NullSpeaker{Pace: Pace{1000}}}
	var f *Fault
	if err := p.File(t.Context(), "whisper", write(t, "a.m4a", []byte("\x00\x00\x00\x20ftypM4A ")), 0); !errors.As(err, &f) || f.Code != CodeMedia {
		t.Errorf("%v", err)
	}
	whole := EncodeWAV(sine(300, Rate, time.Second, -6))
	if err := p.File(t.Context(), "whisper", write(t, "a.wav", whole), 0); err != nil {
		t.Error(err)
	}
	cut := append(header(Rate, 1<<20), whole[headerSize:headerSize+4001]...)
	if err := p.File(t.Context(), "whisper", write(t, "a.wav", cut), 0); err != nil {
		t.Errorf("a recording that was cut off still plays: %v", err)
	}
}
