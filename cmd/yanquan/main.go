// Command yanquan verifies group-buy vouchers (团购券) from WeCom chats.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(untilStopped(), os.Args[1:], os.Stdout, os.Stderr))
}

// untilStopped ends on a signal to stop; a second one ends the process at once. To hang
// up is one, too, unless that is ignored already, as under nohup; but a terminal that
// closes hangs up several times, so a second one does nothing.
func untilStopped() context.Context {
	ctx, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	context.AfterFunc(ctx, forget)
	return ctx
}
