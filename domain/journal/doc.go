// Package journal is the format of the log and the one rule that decides what
// counts: Admit.
//
// A record is a genesis (record 0 of each partition), a commit (one or more
// events of one stream, accepted or ignored as a whole) or blobs (bytes that
// did not fit their commit and go ahead of it). The format is a promise from
// the first release: docs/journal.md describes it and testdata holds its bytes.
package journal
