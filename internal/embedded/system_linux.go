package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// insideID is what root looks like to itself inside the namespace; any id but 0 does.
const insideID = 1000

// namespaceAttributes puts a child into a user namespace whose one user is this process's.
func namespaceAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getegid(), Size: 1}},
	}
}

// tryNamespace tells whether the system lets this process make user namespaces: containers often do not.
func tryNamespace(ctx context.Context, s server) error {
	cmd := exec.CommandContext(ctx, s.program("postgres"), "--version") //nolint:gosec // a program of the server we found
	cmd.SysProcAttr = namespaceAttributes()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run in a user namespace: %w", err)
	}
	return nil
}

// signalOnDeath has the kernel signal the child when the thread that started it is gone.
func signalOnDeath(attr *syscall.SysProcAttr, sig syscall.Signal) {
	attr.Pdeathsig = sig
}

// serverProcesses lists every process of a server on this data directory: each works in it. That finds
// also the children of a server that was killed, which must be gone before another one starts.
func serverProcesses(_ context.Context, data string) ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, link := range links {
		if cwd, err := os.Readlink(link); err != nil || cwd != data {
			continue // also those that ended meanwhile, and other users'
		}
		proc := filepath.Dir(link)
		if exe, err := os.Readlink(filepath.Join(proc, "exe")); err != nil || !strings.HasPrefix(filepath.Base(exe), "postgres") {
			continue // "postgres (deleted)" after an upgrade
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
