// Package exports reads a workflow as the lines of a file: its commits as they stand
// in the log, each with the bytes that it was the first to name.
//
// What an export begins with never changes, so that it is read in pages, each from a
// cut of its own: a long export holds nothing up.
package exports
