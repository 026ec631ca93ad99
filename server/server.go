// Package server is the facade of illumi-server: Run is the program.
package server

import (
	"context"

	"illumi/server/internal/cli"
)

// Stdio is where the program reads and writes.
type Stdio = cli.Stdio

// Run runs the program with its arguments (without its name) and environment,
// and returns its exit status: 0 done, 1 failed, 2 usage.
func Run(ctx context.Context, args []string, stdio Stdio, env []string) int {
	return cli.Run(ctx, args, stdio, env)
}
