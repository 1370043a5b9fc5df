// Package openloop offers calls at fixed times, however slow the answers are,
// and measures each from the time it was due. A closed loop asks less of a
// server that stalls and then does not see the stall.
//
// The generator shares the machine with what it measures, so it is small: the
// workers take turns at waiting for the clock, and nothing else runs. A call
// for which no worker is free starts late, and its lateness counts.
package openloop
