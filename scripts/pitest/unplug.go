package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// plug is a part that can be pulled and put back while the box runs.
type plug struct {
	name    string
	out, in func(context.Context, *rig) error
}

var plugs = []plug{
	{name: "microphone",
		out: guest("echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind"),
		in:  guest("echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind")},
	{name: "camera",
		// The module only goes while nobody holds the device; without its feed it
		// gives no picture in any case.
		out: guest("systemctl stop pi-camera; modprobe -r v4l2loopback 2>/dev/null || true"),
		in: func(ctx context.Context, r *rig) error {
			if _, err := r.vm.run(ctx, "modprobe v4l2loopback; udevadm settle"); err != nil {
				return err
			}
			_, err := r.vm.do(ctx, "show", r.file("face.jpg"), "640x480")
			return err
		}},
	{name: "screen",
		// Long enough for a box that shows something to see it.
		out: guest("echo off >/sys/class/drm/card0-Virtual-1/status; sleep 16"),
		in:  guest("echo detect >/sys/class/drm/card0-Virtual-1/status")},
	{name: "network",
		out: func(ctx context.Context, r *rig) error { _, err := r.vm.do(ctx, "link", "off"); return err },
		in:  func(ctx context.Context, r *rig) error { _, err := r.vm.do(ctx, "link", "on"); return err }},
}

func guest(line string) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		_, err := r.vm.run(ctx, line)
		return err
	}
}

// stations are the states of a turn in their order, and what leads on to the next.
var stations = []string{"IDLE", "NEW", "PLAYING", "INVITE", "RECORDING", "PHOTO_ASK", "PHOTO_COUNT", "REVIEW"}

// unplug pulls every part in every state of a turn. The program must go on, the
// red light must go out and the microphone be closed.
func unplug(ctx context.Context, r *rig) error {
	for _, p := range plugs {
		for _, at := range stations {
			if err := r.pull(ctx, p, at); err != nil {
				return fmt.Errorf("the %s pulled in %s: %w", p.name, at, err)
			}
		}
		fmt.Printf("    %s: pulled in %s\n", p.name, strings.Join(stations, ", "))
	}
	return nil
}

// pull takes a part away in one state of a practice turn, and gives it back.
func (r *rig) pull(ctx context.Context, p plug, at string) error {
	if err := r.reach(ctx, at); err != nil {
		return err
	}
	const alive = "systemctl show -p MainPID -p NRestarts illumi-agent"
	before, err := r.vm.run(ctx, alive)
	if err == nil {
		err = p.out(ctx, r)
	}
	if err != nil {
		return err
	}
	calm := r.calm(ctx, p.name == "microphone")
	if err := errors.Join(calm, p.in(ctx, r), ctx.Err()); err != nil {
		return err
	}
	after, err := r.vm.run(ctx, alive)
	if err == nil && after != before {
		err = fmt.Errorf("the program did not live through it: %q, %q before", after, before)
	}
	if err != nil {
		return err
	}
	return r.settle(ctx)
}

// calm waits until nothing listens that should not: a pulled microphone may not
// leave the red light on, and no other part may turn it on.
func (r *rig) calm(ctx context.Context, mic bool) error {
	var red, open bool
	var phase string
	for range 12 {
		out, err := r.vm.run(ctx, `sed -n 's/.*"phase":"\([A-Z_0-9]*\)".*/\1/p' `+stateDir+`/status.json; echo
			pi-gpio level `+pinRed+`
			grep -h -c RUNNING /proc/asound/Mic/pcm0c/sub0/status 2>/dev/null || echo 0`)
		if err != nil {
			return err
		}
		f := strings.Fields(out)
		if len(f) < 3 {
			return fmt.Errorf("the box shows %q", out)
		}
		phase, red, open = f[0], f[1] == "1", f[2] != "0"
		recording := phase == "RECORDING" || phase == "REC_READY"
		switch {
		case recording && mic: // must end
		case recording, phase == "PHOTO_COUNT": // the light is right to be on
			return nil
		case !red && !open:
			return nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("in %s: red light %v, microphone open %v", phase, red, open)
}

// reach begins a practice turn and takes it to a state.
func (r *rig) reach(ctx context.Context, at string) error {
	if at == "IDLE" {
		_, err := r.vm.until(ctx, time.Minute, "IDLE")
		return err
	}
	if _, err := r.vm.run(ctx, "illumi-agent practice"); err != nil {
		return err
	}
	return r.goTo(ctx, at)
}

// goTo presses its way through a turn up to a state.
func (r *rig) goTo(ctx context.Context, at string) error {
	if _, err := r.vm.until(ctx, time.Minute, "NEW", "NEW_QUIET", "HEARD"); err != nil {
		return err
	}
	for i, station := range stations[2:] {
		if at == stations[i+1] {
			return nil
		}
		if station == "PHOTO_ASK" {
			if _, err := r.vm.do(ctx, "say", r.file("name.wav")); err != nil {
				return err
			}
		}
		// Waiting leads on from the picture's countdown alone.
		if station != "REVIEW" {
			if err := r.pressUntil(ctx, station); err != nil {
				return err
			}
		} else if _, err := r.vm.until(ctx, time.Minute, station); err != nil {
			return err
		}
	}
	return nil
}

// settle brings the box back to rest: a practice turn ends with a restart.
func (r *rig) settle(ctx context.Context) error {
	if s, err := r.vm.status(ctx); err == nil && s.Phase == "IDLE" {
		return nil
	}
	if _, err := r.vm.run(ctx, "systemctl restart illumi-agent"); err != nil {
		return err
	}
	return r.online(ctx)
}
