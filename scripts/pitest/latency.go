package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"illumi/scripts/e2e/world"
)

// A press is seen within this, whatever else the box does (people.md P6, A2).
const (
	seenWithin = 100 * time.Millisecond
	presses    = 100
)

// latency measures from the line of a button to the line of the light, in the
// guest, while an answer goes up a thin line. With two buttons a played whisper
// is begun and ended by presses: the light is dark for 0.3 s in every three
// while the box plays, and lit while it waits for the answer.
func latency(ctx context.Context, r *rig) (err error) {
	line, err := world.NewProxy(r.w.Addr())
	if err != nil {
		return err
	}
	line.Serve()
	defer func() { _ = line.Close() }() // it ends with the test
	// The box is begun again, so that no connection of before goes past the line.
	if err := errors.Join(r.forward(ctx, line.Port()), r.buttons(ctx, 2)); err != nil {
		return err
	}
	defer func() {
		rest := context.WithoutCancel(ctx)
		_, clip := r.vm.run(rest, "rm -f "+practiceStory)
		err = errors.Join(err, clip, r.forward(rest, r.w.Port()), r.buttons(rest, 1))
	}()
	if err := r.upload(ctx, line); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "push", r.probe, "/root/probe"); err != nil {
		return err
	}
	if err := r.tell(ctx); err != nil {
		return err
	}
	if _, err := r.vm.run(ctx, "illumi-agent practice"); err != nil {
		return err
	}
	if _, err := r.vm.until(ctx, time.Minute, "NEW", "HEARD"); err != nil {
		return err
	}
	before := line.Up()
	out, err := r.vm.run(ctx, fmt.Sprintf("/root/probe latency --go %s --back 6 --light %s --status %s/status.json --times %d", pinButton, pinLight, stateDir, presses))
	if err != nil {
		return err
	}
	var seen struct {
		Median, P99, Worst time.Duration
		Presses            int
	}
	if err := json.Unmarshal([]byte(out), &seen); err != nil {
		return fmt.Errorf("%w in %q", err, tail(out, 200))
	}
	fmt.Printf("    %d presses: median %s, 99th percentile %s, worst %s; %d KB went up meanwhile\n",
		seen.Presses, seen.Median, seen.P99, seen.Worst, (line.Up()-before)/1000)
	switch {
	case line.Up()-before < 10_000:
		return fmt.Errorf("no upload ran meanwhile: %d bytes went up", line.Up()-before)
	case seen.P99 > seenWithin:
		return fmt.Errorf("a press is seen after %s at the 99th percentile; the limit is %s", seen.P99, seenWithin)
	}
	return nil
}

// buttons makes the box one with so many buttons.
func (r *rig) buttons(ctx context.Context, n int) error {
	if err := r.awake(ctx, n); err != nil {
		return err
	}
	if _, err := r.vm.run(ctx, fmt.Sprintf("sed -i '/^buttons:/d' /etc/illumi/box.yaml; echo 'buttons: %d' >>/etc/illumi/box.yaml; systemctl restart illumi-agent", n)); err != nil {
		return err
	}
	return r.online(ctx)
}

// thin is the line's rate in bytes a second: an answer of longAnswer seconds then
// goes on its way for longer than all the presses take.
const (
	thin       = 500
	longAnswer = 45
	longStory  = 20 // seconds of the practice whisper that is played meanwhile
)

// practiceStory is the box's own clip of the practice whisper.
const practiceStory = stateDir + "/clips/own/practice_story.wav"

// tell makes the practice whisper long enough to be interrupted: a clip that was
// recorded at the box goes before that of the package.
func (r *rig) tell(ctx context.Context) error {
	if err := speak(r.file("story.wav"), longStory); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "push", r.file("story.wav"), "/root/story.wav"); err != nil {
		return err
	}
	_, err := r.vm.run(ctx, "install -D -o illumi-agent -g illumi-agent -m 600 /root/story.wav "+practiceStory+"; chown -R illumi-agent: "+stateDir+"/clips")
	return err
}

// upload begins to send a real answer over a line that will take long.
func (r *rig) upload(ctx context.Context, line *world.Proxy) error {
	if _, err := r.start(ctx, "A long way", boxName); err != nil {
		return err
	}
	if err := speak(r.file("long.wav"), longAnswer); err != nil {
		return err
	}
	if err := r.answer(ctx, "long.wav", nil); err != nil {
		return err
	}
	line.Slow(thin)
	if err := r.pressUntil(ctx, "SENDING", "QUEUED"); err != nil {
		return err
	}
	_, err := r.vm.until(ctx, 5*time.Minute, "QUEUED")
	return err
}

// forward lets the guest's pi-host:8080 reach a port here.
func (r *rig) forward(ctx context.Context, port int) error {
	_, err := r.vm.do(ctx, "forward", "8080", fmt.Sprint(port))
	return err
}
