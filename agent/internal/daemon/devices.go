package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
)

// closeWait bounds the closing of a device. Past it the box goes on; the red
// light stays on for as long as the device is really open.
const closeWait = 4 * time.Second

type takeID struct {
	hop string
	n   int
}

// measured is what the recorder knows of a take that this process recorded.
type measured struct {
	media.Take
	err error // the file is not to be trusted
}

// capture is a microphone from the order to open it to the order to close it.
type capture struct {
	id     takeID
	ctx    context.Context
	cancel context.CancelFunc
	opened chan struct{} // closed once opening has succeeded or failed
	file   *os.File
	rec    *media.Recording // nil where it failed
}

// openMic opens the microphone beside the loop, into a new file of the spool.
func (d *Daemon) openMic(f flow.Effect) {
	c := &capture{id: takeID{f.Hop, f.Take}, opened: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(d.ctx)
	d.capture = c
	d.wait.Go(func() {
		err := d.begin(c)
		close(c.opened)
		kind := flow.KindMicOpened
		if err != nil {
			kind = flow.KindMicFailed
		}
		d.post(c.ctx, func() {
			if err != nil {
				d.log.Error("the microphone could not be opened", "error", err)
				d.diskTrouble("take", err)
			}
			d.step(flow.Event{Kind: kind, Seq: f.Seq})
		})
		if err != nil {
			return
		}
		select {
		case <-c.rec.Done():
			d.post(c.ctx, func() { d.micLost(c) })
		case <-c.ctx.Done():
		}
	})
}

func (d *Daemon) begin(c *capture) (err error) {
	if c.file, err = d.spool.CreateTake(c.id.hop, c.id.n); err != nil {
		return err
	}
	d.voice.reset()
	c.rec, err = d.o.Microphone.Open(c.ctx, c.file, d.voice.listen)
	return err
}

// micLost is a recording that ended by itself.
func (d *Daemon) micLost(c *capture) {
	if d.capture != c {
		return
	}
	var code flow.Code
	if _, err := c.rec.Stop(); err != nil {
		d.log.Error("the recording could not be written", "error", err)
		code = flow.CodeDisk
	} else {
		d.log.Error("the microphone was lost", "error", c.rec.Lost())
	}
	d.step(flow.Event{Kind: flow.KindMicLost, Code: code})
}

// toneEnded tells the recorder that the citizen speaks from here on.
func (d *Daemon) toneEnded() {
	if c := d.capture; c != nil && c.rec != nil {
		c.rec.ToneEnded()
	}
}

// closeMic closes the microphone, or ends its opening. When it returns nil the
// device is closed and what was recorded is on the disk.
func (d *Daemon) closeMic() error {
	c := d.capture
	if c == nil {
		return nil
	}
	d.capture = nil
	d.loudness = 0
	select {
	case <-c.opened:
	default:
		c.cancel()
	}
	done := make(chan measured, 1)
	d.wait.Go(func() { done <- c.close() })
	select {
	case m := <-done:
		d.measured[c.id] = m
		if peak := m.Peak; m.err == nil && m.Duration > 0 {
			d.micLevel = &peak
		}
		return m.err
	case <-d.o.late():
		d.closing[c.id] = nil
		d.wait.Go(func() {
			m := <-done
			d.post(d.ctx, func() { d.closedAtLast(c.id, m) })
		})
		return errors.New("the microphone did not close in time")
	}
}

// closedAtLast goes on with a take whose recording took long to become whole:
// a card can take seconds to answer. Nobody's words are lost for that.
func (d *Daemon) closedAtLast(id takeID, m measured) {
	waiting, ok := d.closing[id]
	if !ok {
		return // it was erased meanwhile
	}
	delete(d.closing, id)
	d.measured[id] = m
	for _, f := range waiting {
		d.carryOut(f)
	}
}

// notWhole reports that a take's recording is still being closed. The effect is
// carried out once that is done.
func (d *Daemon) notWhole(f flow.Effect) bool {
	id := takeID{f.Hop, f.Take}
	waiting, ok := d.closing[id]
	if ok {
		d.closing[id] = append(waiting, f)
	}
	return ok
}

func (c *capture) close() measured {
	defer c.cancel()
	<-c.opened
	var m measured
	if c.rec != nil {
		m.Take, m.err = c.rec.Stop()
	}
	if c.file != nil {
		m.err = errors.Join(m.err, c.file.Close())
	}
	return m
}

// checkSpeech answers whether somebody spoke in a take. One whose file is not
// to be trusted counts as not heard, and the disk is looked at.
func (d *Daemon) checkSpeech(f flow.Effect) {
	if d.notWhole(f) {
		return // no answer in time counts as speech
	}
	m, ok := d.measured[takeID{f.Hop, f.Take}]
	e := flow.Event{Kind: flow.KindNoSpeech, Seq: f.Seq}
	switch {
	case !ok, m.err != nil:
		d.log.Error("a recording is not whole", "error", m.err)
		d.lookAtDisk()
	case m.Speech() == media.SpeechHeard:
		e.Kind = flow.KindSpeech
	case m.Dead:
		e.Code = flow.CodeMic
	default:
		d.log.Info("nothing was heard in a take", "why", string(m.Speech()))
	}
	d.step(e)
}

// shot is a camera from the order to open it to the order to close it.
type shot struct {
	cancel context.CancelFunc
	shoot  chan struct{}
	once   sync.Once
	done   chan struct{}
}

// openCamera puts the red light on and gets the camera ready. The picture is
// taken at takePhoto.
func (d *Daemon) openCamera(f flow.Effect) {
	ctx, cancel := context.WithCancel(d.ctx)
	s := &shot{cancel: cancel, shoot: make(chan struct{}), done: make(chan struct{})}
	d.shot = s
	if e, err := d.spool.Entry(f.Hop); err == nil {
		d.position.Store(int64(e.Offer.Position))
	}
	d.wait.Go(func() {
		p, err := d.photograph(ctx, f, s.shoot)
		close(s.done)
		d.post(ctx, func() {
			e := flow.Event{Kind: flow.KindPhotoOK, Seq: f.Seq}
			switch {
			case err != nil:
				d.log.Warn("no photo was taken", "error", err)
				d.diskTrouble("photo", err)
				e.Kind = flow.KindPhotoFailed
			case p.Dark:
				e.Kind = flow.KindPhotoDark
			}
			d.step(e)
		})
	})
}

func (d *Daemon) photograph(ctx context.Context, f flow.Effect, shoot <-chan struct{}) (p media.Photo, err error) {
	if d.o.Camera == nil {
		return p, &media.Fault{Code: media.CodeCamera, Text: "The box has no camera."}
	}
	file, err := d.spool.CreatePhoto(f.Hop, f.Take)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return d.o.Camera.Photograph(ctx, file, shoot)
}

func (d *Daemon) takePhoto() {
	if s := d.shot; s != nil {
		s.once.Do(func() { close(s.shoot) })
	}
}

// closeCamera closes the camera; a picture not yet taken is not taken.
func (d *Daemon) closeCamera() error {
	s := d.shot
	if s == nil {
		return nil
	}
	d.shot = nil
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-time.After(closeWait):
		return fmt.Errorf("the camera did not close within %v", closeWait)
	}
}

// voice carries how loud somebody speaks from the recorder to the loop. Only
// the latest counts.
type voice struct {
	heard chan struct{}
	*hearing
}

type hearing struct {
	mu    sync.Mutex
	level float64
	spoke bool          // since the loop last looked
	said  time.Duration // in the recording, when spoke was last set
}

func newVoice() voice { return voice{heard: make(chan struct{}, 1), hearing: &hearing{}} }

// speaking is the level, as the light shows it, from which the box believes
// that somebody speaks: about −41 dBFS, as the speech check does.
const speaking = 0.25

// listen is called by the recorder every 50 ms of sound.
func (v voice) listen(l media.Level) {
	v.mu.Lock()
	v.level = l.Voice()
	if v.level >= speaking && (v.said == 0 || l.At-v.said >= time.Second) {
		v.spoke, v.said = true, l.At
	}
	v.mu.Unlock()
	select {
	case v.heard <- struct{}{}:
	default:
	}
}

func (v voice) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.level, v.spoke, v.said = 0, false, 0
}

func (v voice) take() (level float64, spoke bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	spoke = v.spoke
	v.spoke = false
	return v.level, spoke
}

// voiced lets the light follow the voice, and the machine know that there is one.
func (d *Daemon) voiced() {
	level, spoke := d.voice.take()
	if d.state.Phase != flow.Recording {
		return
	}
	d.loudness = level
	d.o.Panel.Show(flow.Show(d.state), level)
	if spoke {
		d.step(flow.Event{Kind: flow.KindVoice})
	}
}

// Position is the place in its whisper of the hop that was last photographed
// for; a simulated camera draws it. Safe from any goroutine.
func (d *Daemon) Position() int { return int(d.position.Load()) }
