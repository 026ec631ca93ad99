// Package agent is the facade of illumi-agent: Run is the program.
package agent

import (
	"context"

	"illumi/agent/internal/cli"
)

// Stdio is where the program reads and writes.
type Stdio = cli.Stdio

// Run runs the program with its arguments (without its name) and environment,
// and returns its exit status: 0 done, 1 failed, 2 usage, 3 not enrolled,
// 4 refused by the server, 5 unreachable, 6 hardware missing.
func Run(ctx context.Context, args []string, stdio Stdio, env []string) int {
	return cli.Run(ctx, args, stdio, env)
}
