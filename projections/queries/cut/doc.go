// Package cut reads one cut of the read models: a transaction that sees one
// snapshot, and the values that stand in it, put together again.
//
// A value is a tree of blobs. Values of one answer are assembled together: each
// level of all of them is one query, however many channels of however many
// checkpoints a page has. Every blob is checked against its address, so what is
// read is what was sent or an error.
package cut
