package checkup

import (
	"context"
	"errors"
	"os"
	"sync"

	"illumi/agent/internal/media"
	"illumi/agent/internal/selftest"
)

// trial is the microphone from the order to open it to the order to close it.
type trial struct {
	cancel context.CancelFunc
	opened chan struct{}
	file   *os.File
	rec    *media.Recording
	take   media.Take
	err    error
}

// exposure is the camera likewise.
type exposure struct {
	cancel context.CancelFunc
	shoot  chan struct{}
	once   sync.Once
	done   chan struct{}
}

func (r *runner) device(f selftest.Effect) {
	switch f.Do {
	case selftest.OpenMic:
		r.openMic(f.Seq)
	case selftest.CloseMic:
		r.closeMic()
	case selftest.CheckSpeech:
		r.checkSpeech(f.Seq)
	case selftest.Erase:
		r.closeMic()
		r.trial = nil
		if name := r.b.trialName(); name != "" {
			_ = os.Remove(name) // its folder is erased after the test
		}
	case selftest.OpenCamera:
		r.openCamera(f.Seq)
	case selftest.TakePhoto:
		if r.shot != nil {
			r.shot.once.Do(func() { close(r.shot.shoot) })
		}
	case selftest.CloseCamera:
		r.closeCamera()
	}
}

// devices closes what may still be open.
func (r *runner) devices() {
	r.closeMic()
	r.closeCamera()
}

func (r *runner) openMic(seq int64) {
	t := &trial{opened: make(chan struct{})}
	var ctx context.Context
	ctx, t.cancel = context.WithCancel(r.ctx)
	r.trial = t
	go func() {
		e := selftest.Event{Kind: selftest.KindMicOpened, Seq: seq}
		t.file, t.err = os.OpenFile(r.b.Dir+"/selftest.wav", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if t.err == nil {
			t.rec, t.err = r.b.Microphone.Open(ctx, t.file, r.listen)
		}
		close(t.opened)
		if t.err != nil {
			e.Kind = selftest.KindMicFailed
			e.Text, e.Next = inWords(t.err)
			r.post(e)
			return
		}
		r.post(e)
		select {
		case <-t.rec.Done():
			if t.rec.Lost() != nil {
				r.post(selftest.Event{Kind: selftest.KindMicLost})
			}
		case <-ctx.Done():
		}
	}()
}

// toneEnded lets the trial begin: the tone itself is nobody's voice.
func (r *runner) toneEnded() {
	t := r.trial
	if t == nil {
		return
	}
	select {
	case <-t.opened:
		if t.rec != nil {
			t.rec.ToneEnded()
		}
	default:
	}
}

// listen hands on how loud somebody speaks; only the latest counts.
func (r *runner) listen(l media.Level) {
	select {
	case r.levels <- l.Voice():
	default:
	}
}

// closeMic returns once the device is closed.
func (r *runner) closeMic() {
	t := r.trial
	if t == nil || t.cancel == nil {
		return
	}
	select {
	case <-t.opened:
	default:
		t.cancel() // ends the opening
		<-t.opened
	}
	if t.rec != nil {
		t.take, t.err = t.rec.Stop()
	}
	t.cancel()
	t.cancel = nil
	if t.file != nil {
		t.err = errors.Join(t.err, t.file.Close())
	}
}

func (r *runner) checkSpeech(seq int64) {
	e := selftest.Event{Kind: selftest.KindNoSpeech, Seq: seq}
	if t := r.trial; t != nil && t.err == nil && t.take.Speech() == media.SpeechHeard {
		e.Kind = selftest.KindSpeech
	}
	go r.post(e)
}

func (r *runner) openCamera(seq int64) {
	s := &exposure{shoot: make(chan struct{}), done: make(chan struct{})}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(r.ctx)
	r.shot = s
	go func() {
		p, err := r.b.expose(ctx, s.shoot)
		close(s.done)
		e := selftest.Event{Kind: selftest.KindPhotoOK, Seq: seq}
		switch {
		case err != nil:
			e.Kind = selftest.KindPhotoFailed
			e.Text, e.Next = inWords(err)
		case p.Dark:
			e.Kind = selftest.KindPhotoDark
		}
		r.post(e)
	}()
}

func (r *runner) closeCamera() {
	if s := r.shot; s != nil {
		r.shot = nil
		s.cancel()
		<-s.done
	}
}

// inWords are those of the part itself, if it has some.
func inWords(err error) (text, next string) {
	if f, ok := errors.AsType[*media.Fault](err); ok {
		return f.Text, f.Next
	}
	return "", ""
}

// sound is something to be heard, at a loudness in dB.
type sound struct {
	selftest.Effect
	gain float64
}

// voice lets one thing sound after the other.
type voice struct {
	play func(context.Context, sound) error
	post func(selftest.Event)
	done chan struct{}

	mu     sync.Mutex
	queue  []sound
	cancel context.CancelFunc
	wake   chan struct{}
}

func newVoice(ctx context.Context, play func(context.Context, sound) error, post func(selftest.Event)) *voice {
	v := &voice{play: play, post: post, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go v.run(ctx)
	return v
}

func (v *voice) add(s sound) {
	v.mu.Lock()
	v.queue = append(v.queue, s)
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *voice) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = nil
	if v.cancel != nil {
		v.cancel()
	}
}

func (v *voice) wait() { <-v.done }

func (v *voice) next(ctx context.Context) (context.Context, sound, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.queue) == 0 {
		return nil, sound{}, false
	}
	s := v.queue[0]
	v.queue = v.queue[1:]
	ctx, v.cancel = context.WithCancel(ctx)
	return ctx, s, true
}

func (v *voice) run(ctx context.Context) {
	defer close(v.done)
	for {
		one, s, ok := v.next(ctx)
		if !ok {
			select {
			case <-v.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := v.play(one, s)
		v.mu.Lock()
		stopped := one.Err() != nil
		v.cancel()
		v.cancel = nil
		v.mu.Unlock()
		if !stopped {
			v.post(selftest.Event{Kind: selftest.KindEnded, Seq: s.Seq, Failed: err != nil})
		}
	}
}
