// Command logwright watches production logs, finds what is going wrong, and says why with evidence.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(logwright()) }

// logwright is main with an exit code, so that the tests of the CLI can run it in a process of their own.
func logwright() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends things in order; whoever sends a second one does not want to wait.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}
