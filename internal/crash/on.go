//go:build crashtest

package crash

import (
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Point kills this process, as kill -9 does, when the named point is reached
// for the nth time.
func Point(getenv func(string) string) func(name string) {
	where, count, _ := strings.Cut(getenv("DUOLOG_CRASH_AT"), ":")
	nth, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		nth = 1
	}
	var seen atomic.Int64
	return func(name string) {
		if name == where && seen.Add(1) == nth {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // the signal comes before anything else happens here
		}
	}
}
