// Package difference says what changed in a workflow between two of its moments, channel
// by channel and item by item.
//
// A moment that is a checkpoint is compared as that checkpoint; any other as the newest
// checkpoint that there was then. Values are compared as plain JSON (package plain), and
// those that are the same bytes are not read.
package difference
