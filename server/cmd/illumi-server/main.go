// Command illumi-server routes whispers and serves the researchers' pages.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"illumi/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	code := server.Run(ctx, os.Args[1:], server.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ())
	stop()
	os.Exit(code)
}
