package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// serviceName is the unit that the package installs.
const serviceName = "illumi-agent.service"

// errNoService says that no package put the unit in place.
var errNoService = errors.New("the service is not installed")

// serviceLimit bounds what is asked of systemd: a start, or a stop.
const serviceLimit = 90 * time.Second

// startService lets systemd run the box, now and after each start of the machine.
func startService(ctx context.Context) error {
	return withService(ctx, func(ctx context.Context, c *dbus.Conn) error {
		if _, _, err := c.EnableUnitFilesContext(ctx, []string{serviceName}, false, false); err != nil {
			return fmt.Errorf("let the service begin with the machine: %w", err)
		}
		return awaitJob(ctx, "start", c.RestartUnitContext)
	})
}

// stopService stops the box until it is started again.
func stopService(ctx context.Context) error {
	return withService(ctx, func(ctx context.Context, c *dbus.Conn) error { return awaitJob(ctx, "stop", c.StopUnitContext) })
}

func withService(ctx context.Context, do func(context.Context, *dbus.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, serviceLimit)
	defer cancel()
	c, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("%w (%w)", errNoService, err)
	}
	defer c.Close()
	state, err := c.GetUnitPropertyContext(ctx, serviceName, "LoadState")
	if err != nil || state.Value.Value() != "loaded" {
		return errNoService
	}
	return do(ctx, c)
}

// awaitJob asks systemd for something and waits until it is done.
func awaitJob(ctx context.Context, what string, ask func(ctx context.Context, name, mode string, done chan<- string) (int, error)) error {
	done := make(chan string, 1)
	if _, err := ask(ctx, serviceName, "replace", done); err != nil {
		return fmt.Errorf("%s the service: %w", what, err)
	}
	select {
	case how := <-done:
		if how != "done" {
			return fmt.Errorf("the service did not %s (%s); see: journalctl -u illumi-agent", what, how)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s the service: %w", what, ctx.Err())
	}
}

// whileStopped does something for which the box must not run, and lets it run
// again, whatever came of it.
func (p *program) whileStopped(ctx context.Context, state string, do func() error) (err error) {
	running, err := p.running(state)
	if err != nil {
		return err
	}
	if !running {
		return do()
	}
	p.doing("Stopping the box")
	if err := p.stopper(ctx); err != nil {
		return &failure{code: exitFailed, text: "The box runs, and has its camera and its red light.",
			next: "Stop it for this: sudo systemctl stop illumi-agent", err: err}
	}
	defer func() {
		p.doing("Starting the box again")
		err = errors.Join(err, p.service(context.WithoutCancel(ctx)))
		p.settle()
	}()
	return do()
}
