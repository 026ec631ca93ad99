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

// startService lets systemd run the box, now and after each start of the machine.
func startService(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
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
	if _, _, err := c.EnableUnitFilesContext(ctx, []string{serviceName}, false, false); err != nil {
		return fmt.Errorf("let the service begin with the machine: %w", err)
	}
	done := make(chan string, 1)
	if _, err := c.RestartUnitContext(ctx, serviceName, "replace", done); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	select {
	case how := <-done:
		if how != "done" {
			return fmt.Errorf("the service did not start (%s); see: journalctl -u illumi-agent", how)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("start the service: %w", ctx.Err())
	}
}
