//go:build !linux

package embedded

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// namespaceAttributes is never used: tryNamespace refuses.
func namespaceAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// tryNamespace refuses: only Linux has user namespaces.
func tryNamespace(context.Context, server) error {
	return errors.New("this system has no user namespaces")
}

// signalOnDeath does nothing: the next start ends what is left over.
func signalOnDeath(*syscall.SysProcAttr, syscall.Signal) {}

// serverProcesses returns the server that its pid file names, if that process still is one of this
// data directory. Its children end by themselves when it is gone.
func serverProcesses(ctx context.Context, data string) ([]int, error) {
	pid := readPID(filepath.Join(data, pidFile))
	if pid <= 0 {
		return nil, nil
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	if err != nil || !strings.Contains(string(out), "-D "+data) {
		return nil, nil //nolint:nilerr // ps fails when there is no such process
	}
	return []int{pid}, nil
}
