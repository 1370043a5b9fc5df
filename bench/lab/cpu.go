package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// ticksPerSecond is the unit of /proc on every Linux that Go runs on.
const ticksPerSecond = 100

// usage is what /proc says of one process.
type usage struct {
	parent int
	ticks  float64 // its own and those of its children that ended
}

// cpuOf is the processor time of a process and everything below it, in seconds;
// 0 where there is no /proc.
func cpuOf(root int) float64 {
	all := map[int]usage{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if u, ok := readUsage(file); ok {
			all[pid] = u
		}
	}
	total := 0.0
	for pid, u := range all {
		if below(all, pid, root) {
			total += u.ticks
		}
	}
	return total / ticksPerSecond
}

func readUsage(file string) (usage, bool) {
	b, err := os.ReadFile(file) //nolint:gosec // below /proc
	if err != nil {
		return usage{}, false // it has ended
	}
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 15 {
		return usage{}, false
	}
	var u usage
	u.parent, _ = strconv.Atoi(string(fields[1]))
	for _, f := range fields[11:15] {
		ticks, _ := strconv.ParseFloat(string(f), 64)
		u.ticks += ticks
	}
	return u, true
}

func below(all map[int]usage, pid, root int) bool {
	for pid > 1 {
		if pid == root {
			return true
		}
		pid = all[pid].parent
	}
	return false
}
