//go:build !linux

package openloop

import "time"

// fine sleeps to within a millisecond.
func fine(d time.Duration) { time.Sleep(d) }
