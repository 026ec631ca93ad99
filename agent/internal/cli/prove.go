package cli

import (
	"context"
	"errors"
	"time"

	"illumi/agent/internal/daemon"
	"illumi/protocol"
)

// answerWait is how long a box that was just started may take until it answers.
const answerWait = 30 * time.Second

// proveBox starts the service and, with test, does not leave the installer
// before the box has tested itself and has a practice whisper. The box is
// enrolled whatever comes out.
func (p *program) proveBox(ctx context.Context, test bool, installer string) error {
	p.doing(label("Service"))
	err := p.service(ctx)
	if errors.Is(err, errNoService) {
		return p.say("Next: illumi-agent run%s", p.where())
	}
	if err != nil {
		return &failure{code: exitFailed, text: "The box is enrolled, but " + err.Error() + ".", next: "Look at it with: illumi-agent doctor", err: err}
	}
	if err := p.fact("Service", "started; it begins with the machine from now on"); err != nil {
		return err
	}
	if !test {
		return nil
	}
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	p.doing(label("Self-test"))
	if err := awaitBox(ctx, controlSocket(c.StateDir)); err != nil {
		return &failure{code: exitFailed, text: "The box is enrolled and does not answer.", next: "See: journalctl -u illumi-agent", err: err}
	}
	if err := p.fact("Self-test", "listen to the box, and press its button where it asks for it; its code is %s", protocol.SpokenCode(c.Device)); err != nil {
		return err
	}
	tested := p.askFor(ctx, daemon.Ask{Do: string(protocol.CheckSelfTest), Installer: installer})
	if ctx.Err() != nil {
		return &failure{code: exitFailed, text: "The box is enrolled and runs. Its test was stopped.", next: "Test it later: sudo illumi-agent selftest", err: ctx.Err(), stopped: true}
	}
	if err := p.askFor(ctx, daemon.Ask{Do: string(protocol.CheckPractice)}); err != nil {
		return errors.Join(tested, err)
	}
	if err := p.fact("Practice", "a whisper waits that never leaves the box: its light breathes"); err != nil {
		return err
	}
	return tested
}

// awaitBox waits until the box answers. That its socket is there says nothing:
// one may be left of a power cut.
func awaitBox(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := daemon.AskNow(ctx, socket)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
