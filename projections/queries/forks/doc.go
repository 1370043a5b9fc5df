// Package forks reads what a fork of a workflow, or a branch within it, begins
// with, and what it would do again. A checkpoint is read as its descriptions, whole;
// of the bytes that they name only header and metadata are put together.
package forks
