package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/protocol"
)

// sound is an effect to be heard, at a loudness in dB.
type sound struct {
	flow.Effect
	gain float64
	// practice is the turn in hand: its whisper is a sentence of the box's own.
	practice bool
	pack     media.Pack
}

// player is the box's one mouth: what it is given sounds one after the other.
type player struct {
	play  func(context.Context, sound) error
	begun func(sound)
	ended func(sound, error) // not for what was stopped

	mu     sync.Mutex
	queue  []sound
	cancel context.CancelFunc // of what sounds now
	wake   chan struct{}
}

func newPlayer(play func(context.Context, sound) error, begun func(sound), ended func(sound, error)) *player {
	return &player{play: play, begun: begun, ended: ended, wake: make(chan struct{}, 1)}
}

// add lets something sound after what is in the queue.
func (p *player) add(f sound) {
	p.mu.Lock()
	p.queue = append(p.queue, f)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// stop makes silence: what sounds is cut off, what waits is dropped.
func (p *player) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = nil
	if p.cancel != nil {
		p.cancel()
	}
}

func (p *player) next(ctx context.Context) (context.Context, sound, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil, sound{}, false
	}
	f := p.queue[0]
	p.queue = p.queue[1:]
	ctx, p.cancel = context.WithCancel(ctx)
	return ctx, f, true
}

func (p *player) run(ctx context.Context) {
	for {
		one, f, ok := p.next(ctx)
		if !ok {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		p.begun(f)
		err := p.play(one, f)
		p.mu.Lock()
		stopped := one.Err() != nil
		p.cancel()
		p.cancel = nil
		p.mu.Unlock()
		if !stopped {
			p.ended(f, err)
		}
	}
}

// gains are the four steps of loudness: 12 dB from the lowest to the highest
// (people.md P12).
var gains = [...]float64{-12, -8, -4, 0}

// Gain is how loud a step from 1 to 4 is, in dB.
func Gain(step int) float64 { return gains[min(max(step, 1), len(gains))-1] }

// loudness is what was loud enough at the box, under a version of the server's
// settings.
type loudness struct {
	Step    int   `json:"step"`
	Version int64 `json:"version"`
}

// keepVolume takes over what was loud enough at the box, until the server
// changes its settings: it repeats them with every welcome.
func (d *Daemon) keepVolume(step int) {
	d.loud = loudness{Step: min(max(step, 1), len(gains)), Version: d.wanted.Version}
	d.onDisk("keep the volume", d.spool.Save(keyVolume, d.loud))
	d.settings.Volume = d.loud.Step
	d.hurryStatus()
}

// hushed is how much softer speech in quiet hours is (people.md 2.1).
const hushed = -6

// hear adds to what is to be heard, as loud as things are now.
func (d *Daemon) hear(f flow.Effect) {
	gain := Gain(d.settings.Volume)
	if d.state.Hushed() {
		gain += hushed
	}
	d.player.add(sound{f, gain, d.state.Turn.Practice, d.pack()})
}

// sounds plays one sound; it runs in the player's goroutine.
func (d *Daemon) sounds(ctx context.Context, f sound) error {
	if d.o.Speaker == nil {
		return &media.Fault{Code: media.CodeSpeaker, Text: "The box has no loudspeaker."}
	}
	p := media.Player{Speaker: d.o.Speaker, Pack: f.pack}
	switch f.Do {
	case flow.Say:
		return p.Say(ctx, string(f.Prompt), flow.Prompts[f.Prompt], f.gain)
	case flow.Sound:
		return p.Tone(ctx, string(f.Tone), f.gain)
	case flow.PlayWhisper:
		if f.practice {
			return p.Say(ctx, string(flow.SayPracticeStory), flow.Prompts[flow.SayPracticeStory], f.gain)
		}
		e, err := d.spool.Entry(f.Hop)
		if err != nil {
			return &media.Fault{Code: media.CodeMedia, Text: "The whisper is not on the box.", Err: err}
		}
		file, ok := fileOf(e.Offer, protocol.RoleAudio)
		if !ok {
			return &media.Fault{Code: media.CodeMedia, Text: "The whisper has no recording."}
		}
		return p.File(ctx, "the whisper", e.Path(file), f.gain)
	case flow.PlayReply:
		path, err := d.spool.ReplyAudio(f.Reply)
		if err != nil {
			return &media.Fault{Code: media.CodeMedia, Text: "The answer is not on the box any more.", Err: err}
		}
		return p.File(ctx, "the answer", path, f.gain)
	case flow.PlayTake:
		path, _, err := d.takeFiles(f.Hop, f.Take)
		if err != nil {
			return &media.Fault{Code: media.CodeMedia, Text: "The recording is not on the box.", Err: err}
		}
		return p.File(ctx, "the answer", path, f.gain)
	}
	return fmt.Errorf("%s is nothing to be heard", f.Do)
}

func fileOf(o protocol.Offer, role protocol.Role) (protocol.File, bool) {
	for _, f := range o.Files {
		if f.Role == role {
			return f, true
		}
	}
	return protocol.File{}, false
}

// begun shows the words of what is being said.
func (d *Daemon) begun(f sound) {
	if f.Do != flow.Say {
		return
	}
	d.post(d.ctx, func() {
		v := d.view
		v.Prompt = flow.Prompts[f.Prompt]
		d.update(v)
	})
}

func (d *Daemon) ended(f sound, err error) {
	d.post(d.ctx, func() {
		e := flow.Event{Kind: flow.KindEnded, Seq: f.Seq}
		if err != nil {
			d.log.Warn("something was not heard", "what", string(f.Do), "error", err)
			e.Code = flow.CodeSpeaker
			if fault, ok := errors.AsType[*media.Fault](err); ok && fault.Code == media.CodeMedia {
				e.Code = flow.CodeMedia
			}
		}
		if e.Code == flow.CodeSpeaker {
			d.step(flow.Event{Kind: flow.KindSpeakerLost})
		}
		d.step(e)
		if v := d.view; d.state.Phase == flow.Idle && v.Prompt != "" {
			v.Prompt = ""
			d.update(v)
		}
	})
}

// trySpeaker finds out, without a sound, whether a lost loudspeaker is back.
func (d *Daemon) trySpeaker() {
	if !d.state.NoSpeaker || d.o.Speaker == nil || d.lent != nil {
		return
	}
	d.wait.Go(func() {
		silence := media.Clip{Rate: media.Rate, Samples: make([]int16, media.Rate/20)}
		ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
		defer cancel()
		if d.o.Speaker.Play(ctx, "silence", silence.Sound(), 0) == nil {
			d.post(d.ctx, func() { d.step(flow.Event{Kind: flow.KindSpeakerBack}) })
		}
	})
}
