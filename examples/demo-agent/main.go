// Command demo-agent answers questions about a git repository without a model.
// Package agent, beside it, is the whole of it; duolog dev runs the same code.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/duolog/duolog/examples/demo-agent/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // this is main
	defer stop()
	now := time.Now //nolint:forbidigo // this is main
	if err := agent.Run(ctx, os.Getenv, os.Stderr, now); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "demo-agent:", err)
		stop()
		os.Exit(1)
	}
}
