// Package domain holds what every kind of stream shares: the name of a stream,
// the position of a record, the principal behind a command and the one error
// shape that crosses every boundary.
//
// Nothing below domain/ reads a clock, a context, a flag, a file or a network:
// what a commit means depends on its bytes alone, so that a replay years later
// says the same.
package domain
