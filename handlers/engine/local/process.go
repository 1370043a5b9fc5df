package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process names one process for ever: a pid alone is given out again.
type process struct {
	PID int `json:"pid"`
	// Start is when the kernel started it, in the kernel's own words.
	Start string `json:"start"`
}

// identify gives the process behind a pid that is known to exist.
func identify(pid int) (process, error) {
	start, _, err := startOf(pid)
	if err != nil {
		return process{}, fmt.Errorf("identify pid %d: %w", pid, err)
	}
	return process{PID: pid, Start: start}, nil
}

// alive says whether this very process still runs. A zombie does not.
func (p process) alive() bool {
	if p.PID <= 0 {
		return false
	}
	start, zombie, err := startOf(p.PID)
	return err == nil && !zombie && start == p.Start
}

// signalGroup sends to the process and to everything it has started, as long as
// those stayed in its group.
func signalGroup(pid int, sig syscall.Signal) error {
	err := syscall.Kill(-pid, sig)
	if err == nil || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return fmt.Errorf("signal group %d: %w", pid, err)
}

var errGone = errors.New("no such process")

// startOf reads the start time from /proc, with the boot it counts from; where
// there is no /proc, ps says it. A zombie has ended and only waits to be reaped.
func startOf(pid int) (start string, zombie bool, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		return parseStat(string(stat))
	}
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		return "", false, errGone
	}
	return startFromPS(pid)
}

// parseStat takes fields 3 (state) and 22 (start time) of /proc/<pid>/stat. The
// name in field 2 may hold spaces and brackets, so counting begins after it.
func parseStat(stat string) (start string, zombie bool, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", false, errGone
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false, fmt.Errorf("read boot id: %w", err)
	}
	zombie = fields[0] == "Z" || fields[0] == "X"
	return strings.TrimSpace(string(boot)) + "/" + fields[19], zombie, nil
}

func startFromPS(pid int) (start string, zombie bool, err error) {
	cmd := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)) //nolint:gosec,noctx // a number; it answers at once
	cmd.Env = []string{"LC_ALL=C", "PATH=/bin:/usr/bin"}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	state, start, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !ok {
		return "", false, errGone
	}
	return strings.Join(strings.Fields(start), " "), strings.HasPrefix(state, "Z"), nil
}
