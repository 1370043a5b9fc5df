package main

import "runtime/debug"

// How much garbage may gather before it is collected, in per cent of what is in
// use. What is in use is small here and what passes through is not, so Go's own
// 100 collects often for little. GOMEMLIMIT still bounds the whole.
const (
	nodeGC   = 200
	replayGC = 400
)

// collectLess sets it, unless whoever started the process did.
func collectLess(getenv func(string) string, percent int) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
