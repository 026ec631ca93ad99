package checkup

import (
	"context"
	"errors"
	"os"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/selftest"
	"illumi/protocol"
)

// Person is who stands at the box during a self-test: what they see and press.
type Person struct {
	Show   func(l flow.Lamps, voice float64)
	Inputs <-chan panel.Input
	// Say plays a sentence, a tone or a file, as loud as gain in dB says.
	Player media.Player
	// Gain is how loud a step from 1 to 4 is, in dB.
	Gain func(step int) float64
	// KeepVolume takes over the step that was loud enough.
	KeepVolume func(step int)
}

// SelfTest tests the box aloud, with somebody at its button; package selftest is
// its course. It ends early, and says so of what was not tried, when ctx ends.
func (b *Box) SelfTest(ctx context.Context, p Person, plan selftest.Plan, shown func(protocol.CheckItem)) []protocol.CheckItem {
	r := &runner{b: b, p: p, shown: shown, began: time.Now(), events: make(chan selftest.Event, 64), levels: make(chan float64, 1), timers: map[selftest.Timer]*time.Timer{}, volume: plan.Volume}
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx)) // the machine closes what is open
	defer cancel()
	r.voice = newVoice(r.ctx, r.play, r.post)
	s, effects := selftest.Start(plan, r.now())
	r.take(s, effects)
	r.loop(ctx)
	cancel()
	r.voice.wait()
	r.devices()
	return r.state.Items
}

// runner carries out a self-test. Everything but play and what opens devices is
// done in one goroutine.
type runner struct {
	b      *Box
	p      Person
	shown  func(protocol.CheckItem)
	began  time.Time
	ctx    context.Context
	events chan selftest.Event
	levels chan float64
	timers map[selftest.Timer]*time.Timer
	voice  *voice
	state  selftest.State
	volume int
	ready  int64 // Seq of the tone after which a trial begins
	done   bool

	trial *trial
	shot  *exposure
	asked flow.Prompt // the question that was shown last
}

func (r *runner) now() time.Duration { return time.Since(r.began) }

func (r *runner) post(e selftest.Event) {
	select {
	case r.events <- e:
	case <-r.ctx.Done():
	}
}

func (r *runner) loop(ctx context.Context) {
	stop := ctx.Done()
	inputs := r.p.Inputs
	for !r.done {
		var e selftest.Event
		select {
		case e = <-r.events:
		case in, ok := <-inputs:
			if !ok {
				inputs = nil // nobody can press any more; each question has its end
				continue
			}
			if !in.Down {
				continue
			}
			e.Kind = selftest.KindPress
		case v := <-r.levels:
			r.p.Show(selftest.Show(r.state), v)
			continue
		case <-stop:
			stop = nil
			e.Kind = selftest.KindStop
		}
		if e.Kind == selftest.KindEnded && e.Seq == r.ready {
			r.toneEnded()
		}
		e.At = r.now()
		r.take(selftest.Step(r.state, e))
	}
}

// take shows the lights of a state first, and then does what it asks for.
func (r *runner) take(s selftest.State, effects []selftest.Effect) {
	r.state = s
	r.p.Show(selftest.Show(s), 0)
	for _, f := range effects {
		r.do(f)
	}
}

func (r *runner) do(f selftest.Effect) {
	switch f.Do {
	case selftest.Say, selftest.Chime, selftest.PlayBack:
		if f.Tone == flow.ToneReady {
			r.ready = f.Seq
		}
		r.voice.add(sound{f, r.p.Gain(r.volume)})
		r.ask(f.Prompt)
	case selftest.Stop:
		r.voice.stop()
	case selftest.Volume:
		r.volume = f.Level
	case selftest.KeepVolume:
		r.p.KeepVolume(f.Level)
	case selftest.SetTimer:
		r.disarm(f.Timer)
		e := selftest.Event{Kind: selftest.KindTimer, Timer: f.Timer, Seq: f.Seq}
		r.timers[f.Timer] = time.AfterFunc(f.After, func() { r.post(e) })
	case selftest.StopTimer:
		r.disarm(f.Timer)
	case selftest.ProbeNetwork:
		go r.probeNetwork(f.Seq)
	case selftest.ProbeServer:
		go r.probeServer(f.Seq)
	case selftest.Found:
		r.shown(f.Item)
	case selftest.Finish:
		r.done = true
		for t := range r.timers {
			r.disarm(t)
		}
	default:
		r.device(f)
	}
}

// ask shows what the box asks for as well, as its loudspeaker may be what is not
// well. It is no part, so it has no verdict; said again, it is not shown again.
func (r *runner) ask(p flow.Prompt) {
	if selftest.Asks(p) && p != r.asked {
		r.asked = p
		r.shown(protocol.CheckItem{Text: "“" + flow.Prompts[p] + "”"})
	}
}

func (r *runner) disarm(t selftest.Timer) {
	if timer, ok := r.timers[t]; ok {
		timer.Stop()
		delete(r.timers, t)
	}
}

// play plays one sound; it runs in the voice's goroutine.
func (r *runner) play(ctx context.Context, s sound) error {
	switch s.Do {
	case selftest.Say:
		return r.p.Player.Say(ctx, string(s.Prompt), flow.Prompts[s.Prompt], s.gain)
	case selftest.Chime:
		return r.p.Player.Tone(ctx, string(s.Tone), s.gain)
	case selftest.PlayBack:
		if name := r.b.trialName(); name != "" {
			return r.p.Player.File(ctx, "what was just said", name, s.gain)
		}
	}
	return errors.New("there is nothing to be heard")
}

// probeNetwork looks at the Wi-Fi for as long as the table wants it steady.
func (r *runner) probeNetwork(seq int64) {
	e := selftest.Event{Kind: selftest.KindNetwork, Seq: seq}
	weakest := 0
	end := time.NewTimer(selftest.SteadyFor)
	defer end.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for first := true; ; first = false {
		h := r.b.Health()
		switch {
		case h.WiFi != nil:
			if !e.Net.Joined || *h.WiFi < weakest {
				weakest = *h.WiFi
			}
			e.Net.Joined = true
		case e.Net.Joined: // it was there and is gone
			e.Net.Joined = false
			r.post(e)
			return
		case first && r.b.reaches(r.ctx):
			e.Net.Cable = true
			r.post(e)
			return
		case first:
			r.post(e)
			return
		}
		e.Net.Signal = weakest
		select {
		case <-tick.C:
		case <-end.C:
			r.post(e)
			return
		case <-r.ctx.Done():
			return
		}
	}
}

// reaches says whether the server can be reached at all.
func (b *Box) reaches(ctx context.Context) bool {
	if b.Server == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err := b.Server.Measure(ctx)
	return err == nil
}

func (r *runner) probeServer(seq int64) {
	e := selftest.Event{Kind: selftest.KindServer, Seq: seq, Far: selftest.Far{Clock: true}}
	ctx, cancel := context.WithTimeout(r.ctx, 50*time.Second)
	defer cancel()
	free, err := r.b.Free()
	if err == nil {
		e.Far.Free = free
	}
	if r.b.Server == nil {
		e.Text = "The box is not enrolled."
		r.post(e)
		return
	}
	s, err := r.b.Server.Measure(ctx)
	e.Far.Reached = err == nil
	if err != nil {
		e.Text, e.Next = r.b.Explain(err)
	}
	e.Far.Clock = r.b.clock(s.Server).Verdict == protocol.VerdictOK
	r.post(e)
}

// trialName is the recording of the trial, "" where there is none.
func (b *Box) trialName() string {
	name := b.Dir + "/selftest.wav"
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}
