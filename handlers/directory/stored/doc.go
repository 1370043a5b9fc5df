// Package stored is Duolog's own directory: it answers from the read models of the
// namespace and user streams, and changes them by commands.
package stored
