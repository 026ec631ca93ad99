package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"illumi/scripts/e2e/world"
)

// moments are where power is cut on purpose; every second cut is at any moment.
var moments = []string{"RECORDING", "SENDING", "PHOTO_COUNT", "REVIEW", "PLAYING"}

const (
	// heardOut is after how long a question was said to its end, and listens.
	heardOut = 6 * time.Second
	// patience is how long a chosen state is waited for.
	patience = 3 * time.Minute
)

// dark is a run of power cuts.
type dark struct {
	*rig
	neighbour *world.Box
	person    atomic.Value // the phase they last saw
	whispers  []string
	cut       map[string]int // by phase
}

// power cuts the power while somebody answers whispers, and holds what the
// server has against what it must have.
func power(ctx context.Context, r *rig) error {
	d := dark{rig: r, cut: map[string]int{}}
	d.person.Store("")
	line, err := world.NewProxy(r.w.Addr())
	if err != nil {
		return err
	}
	line.Rate = 40_000 // sending takes a while, so that it can be cut
	go line.Serve()
	defer func() { _ = line.Close() }() // it ends with the test
	if err := r.forward(ctx, line.Port()); err != nil {
		return err
	}
	if d.neighbour, err = r.w.EnrolBox(ctx, "Next door"); err != nil {
		return err
	}
	seed := rand.Uint64()
	fmt.Printf("    seed %d\n", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for i := range r.cuts {
		if err := d.keepBusy(ctx); err != nil {
			return err
		}
		target := ""
		if i%2 == 0 {
			target = moments[i/2%len(moments)]
		}
		if err := d.once(ctx, target, rng); err != nil {
			return fmt.Errorf("cut %d of %d: %w", i+1, r.cuts, err)
		}
	}
	fmt.Printf("    %d cuts: %v\n", r.cuts, d.cut)
	return errors.Join(d.chosen(), d.finish(ctx))
}

// chosen wants the power to have been cut while somebody spoke and while an answer was sent.
func (d *dark) chosen() error {
	for i, phase := range moments[:2] {
		if d.cut[phase] == 0 && d.cuts > 2*i {
			return fmt.Errorf("the power was never cut in %s", phase)
		}
	}
	return nil
}

// keepBusy sees that a whisper waits for the box.
func (d *dark) keepBusy(ctx context.Context) error {
	open := 0
	for _, id := range d.whispers {
		w, _, err := d.r.Whisper(ctx, id)
		if err != nil {
			return err
		}
		if w.State != "complete" {
			open++
		}
	}
	for ; open < 2; open++ {
		id, err := d.start(ctx, fmt.Sprintf("Story %d", len(d.whispers)+1), boxName, "Next door")
		if err != nil {
			return err
		}
		d.whispers = append(d.whispers, id)
	}
	return nil
}

// once lets somebody use the box, cuts the power, gives it back and looks at the
// box's files.
func (d *dark) once(ctx context.Context, target string, rng *rand.Rand) error {
	using, leave := context.WithCancel(ctx)
	var both sync.WaitGroup
	both.Go(func() { d.use(using) })
	both.Go(func() { d.nextDoor(using) })
	err := d.awaitMoment(ctx, target, rng)
	leave()
	both.Wait()
	if err != nil {
		return err
	}
	phase := d.person.Load().(string)
	d.cut[phase]++
	fmt.Printf("    in %s\n", phase)
	if err := d.vm.cut(ctx); err != nil {
		return err
	}
	// The emulated camera has lost its feed; a real one has not.
	if _, err := d.vm.do(ctx, "show", d.file("face.jpg"), "640x480"); err != nil {
		return err
	}
	if _, err := d.vm.until(ctx, 3*time.Minute, "IDLE", "NEW", "NEW_QUIET", "HEARD", "DRAFT", "QUEUED", "SENDING", "REVIEW", "SENT"); err != nil {
		return err
	}
	return d.wholeFiles(ctx)
}

// awaitMoment waits for a state, and a moment of it, or for any moment.
func (d *dark) awaitMoment(ctx context.Context, target string, rng *rand.Rand) error {
	if target == "" {
		return pause(ctx, time.Duration(rng.Int64N(int64(25*time.Second))))
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		switch d.person.Load() {
		case target:
			return pause(ctx, time.Duration(rng.Int64N(int64(1500*time.Millisecond))))
		case "IDLE": // all is answered
			if err := d.keepBusy(ctx); err != nil {
				return err
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil // a turn may pass a short state unseen; any moment is good
}

// use is a person who answers whatever the box asks. What fails here fails
// because the power goes; the outcome is looked at by others.
func (d *dark) use(ctx context.Context) {
	since, last := time.Now(), ""
	for ctx.Err() == nil {
		s, err := d.vm.status(ctx)
		if err != nil {
			_ = pause(ctx, time.Second)
			continue
		}
		d.person.Store(s.Phase)
		if s.Phase != last {
			since, last = time.Now(), s.Phase
		}
		_ = d.react(ctx, s.Phase)
		// "Press to send": these whispers are sent by a press alone.
		if s.Phase == "REVIEW" && time.Since(since) > heardOut {
			_ = d.vm.press(ctx)
			since = time.Now()
		}
		_ = pause(ctx, 300*time.Millisecond)
	}
}

// nextDoor answers for the neighbour.
func (d *dark) nextDoor(ctx context.Context) {
	told := ""
	for ctx.Err() == nil {
		o, err := d.neighbour.Open(ctx)
		if err == nil {
			_, err = d.neighbour.Answer(context.WithoutCancel(ctx), o, d.file("name.wav"))
			err = errors.Join(err, d.neighbour.Close())
		}
		if err != nil && ctx.Err() == nil {
			if told != err.Error() {
				told = err.Error()
				fmt.Printf("    next door: %v\n", err)
			}
			_ = pause(ctx, time.Second)
		}
	}
}

// wholeFiles holds every file on the box that counts as whole against the digest
// that it was to have.
func (d *dark) wholeFiles(ctx context.Context) error {
	out, err := d.vm.run(ctx, `cd `+stateDir+`
		for m in outbox/*/manifest.json sent/*/manifest.json; do [ -e "$m" ] || continue
			for f in "${m%/*}"/audio.* "${m%/*}"/image.*; do [ -e "$f" ] || continue
				grep -q "$(sha256sum <"$f" | cut -c1-64)" "$m" || echo "$f is not what was sealed"; done; done
		for r in inbox/*/ready.json; do [ -e "$r" ] || continue
			for f in "${r%/*}"/*; do n=${f##*/}; n=${n%%.*}; [ "${#n}" = 64 ] || continue
				[ "$(sha256sum <"$f" | cut -c1-64)" = "$n" ] || echo "$f is not what its name says"; done; done
		find outbox sent inbox takes -size 0 -type f ! -name '*.part' 2>/dev/null`)
	if err != nil {
		return err
	}
	if out = strings.TrimSpace(out); out != "" {
		return fmt.Errorf("half files count as whole ones:\n%s", out)
	}
	return nil
}

// finish lets all whispers come to their end and looks at each.
func (d *dark) finish(ctx context.Context) error {
	if err := d.forward(ctx, d.w.Port()); err != nil {
		return err
	}
	using, leave := context.WithCancel(ctx)
	defer leave()
	go d.use(using)
	go d.nextDoor(using)
	end := time.Now().Add(15 * time.Minute)
	for _, id := range d.whispers {
		for {
			w, _, err := d.r.Whisper(ctx, id)
			if err != nil {
				return err
			}
			if w.State == "complete" {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("whisper %s is still %s, and the box in %v", id, w.State, d.person.Load())
			}
			if err := pause(ctx, 2*time.Second); err != nil {
				return err
			}
		}
	}
	leave()
	return d.verify(ctx)
}

// verify wants every whisper whole, and each answer of the box on the server
// exactly once.
func (d *dark) verify(ctx context.Context) error {
	var wrong []error
	arrived := map[string]string{} // digest → whisper
	for _, id := range d.whispers {
		w, _, err := d.r.Whisper(ctx, id)
		if err != nil {
			return err
		}
		wrong = append(wrong, w.Check())
		media, err := os.MkdirTemp(d.dir, "media-")
		if err != nil {
			return err
		}
		for _, f := range w.Files() {
			if err := d.r.Save(ctx, id, f, filepath.Join(media, f.Name)); err != nil {
				return err
			}
		}
		wrong = append(wrong, w.CheckFiles(media))
		for _, h := range w.Hops {
			if f, ok := world.Find(h.Files, "audio", "original"); ok && h.Device == boxName {
				if other, twice := arrived[f.SHA256]; twice {
					wrong = append(wrong, fmt.Errorf("one answer is in the whispers %s and %s", other, id))
				}
				arrived[f.SHA256] = id
			}
		}
	}
	out, err := d.vm.run(ctx, `cd `+stateDir+`; ls outbox; echo --; for f in sent/*/audio.*; do sha256sum <"$f" | cut -c1-64; done`)
	if err != nil {
		return err
	}
	unsent, sent, _ := strings.Cut(out, "--")
	if strings.TrimSpace(unsent) != "" {
		wrong = append(wrong, fmt.Errorf("answers are still in the outbox: %s", strings.Fields(unsent)))
	}
	for _, sum := range strings.Fields(sent) {
		if arrived[sum] == "" {
			wrong = append(wrong, fmt.Errorf("an answer that the box was thanked for is not on the server: %s", sum))
		}
	}
	fmt.Printf("    %d whispers are complete; each answer is there once\n", len(d.whispers))
	return errors.Join(wrong...)
}
