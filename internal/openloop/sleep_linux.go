package openloop

import (
	"syscall"
	"time"
)

// fine sleeps to within some ten microseconds.
func fine(d time.Duration) {
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}
