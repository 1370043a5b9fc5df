package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	pidFile      = "postmaster.pid"
	leftoverPoll = 20 * time.Millisecond
	leftoverStep = 5 * time.Second
)

// endLeftovers ends what a killed process left running on this data directory, first politely. The
// caller holds the directory's lock, so nothing that runs here belongs to anybody. Afterwards the pid
// file is removed: its number may by now be another program's, which would keep the server from starting.
func endLeftovers(ctx context.Context, data string, logger *slog.Logger) error {
	for _, sig := range []syscall.Signal{Fast.signal(), Immediate.signal(), syscall.SIGKILL} {
		pids, err := serverProcesses(ctx, data)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return removePIDFile(data)
		}
		logger.InfoContext(ctx, "ending a postgres that a killed process left behind",
			slog.String("dir", data), slog.Any("pids", pids), slog.String("signal", sig.String()))
		signalLeftovers(data, pids, sig)
		if err := awaitGone(ctx, data); err != nil {
			return err
		}
	}
	pids, err := serverProcesses(ctx, data)
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		return fmt.Errorf("processes %v, left behind by a killed process, still use %s and do not end: end them (kill -9)", pids, data)
	}
	return removePIDFile(data)
}

// signalLeftovers signals the server, who ends its children; without it, the children themselves. One
// that was halted continues, to see its signal.
func signalLeftovers(data string, pids []int, sig syscall.Signal) {
	if main := readPID(filepath.Join(data, pidFile)); sig != syscall.SIGKILL && slices.Contains(pids, main) {
		pids = []int{main}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig)             // gone already is what we want
		_ = syscall.Kill(pid, syscall.SIGCONT) // likewise
	}
}

// awaitGone waits until no process is left, at most one step; the caller then insists.
func awaitGone(ctx context.Context, data string) error {
	step := time.NewTimer(leftoverStep)
	defer step.Stop()
	ticker := time.NewTicker(leftoverPoll)
	defer ticker.Stop()
	for {
		pids, err := serverProcesses(ctx, data)
		if err != nil || len(pids) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of processes %v: %w", pids, ctx.Err())
		case <-step.C:
			return nil
		case <-ticker.C:
		}
	}
}

func removePIDFile(data string) error {
	err := os.Remove(filepath.Join(data, pidFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove stale pid file: %w", err)
	}
	return nil
}
