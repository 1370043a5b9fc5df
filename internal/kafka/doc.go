// Package kafka is the only place that speaks Kafka: the journal (the truth),
// the events topic, the inbox of commands and the commands that were refused.
//
// Vocabulary: an append puts records at the end of one partition; a reader
// follows one partition from an exact offset; the genesis is record 0 of each
// partition and says which log this is; a finding is one thing doctor looked
// at; the log is unsafe while a finding says that it may lose or mix up its
// own truth.
//
// Invariants:
//   - The partition of a journal record is journal.PartitionOf its key and the
//     count in the genesis, never what the cluster says today.
//   - An append is acknowledged by all in-sync replicas before it is reported.
//     Any error of an append means that its outcome is unknown: some, all or
//     none of its records may stand in the log, now or later. Who appends again
//     sends the same bytes, and the chain of parents accepts one copy.
//   - A reader begins at the offset it was given or fails; it never moves to
//     the oldest or newest one.
//   - While the log is unsafe, nothing is appended.
//
// A crash anywhere in here loses nothing that was reported as written: the
// package keeps no state but connections.
//
// The journal is written and read with sarama itself, because Watermill sends
// one message at a time; commands and sagas go through Watermill. sarama's
// loggers are process globals and stay silent: what matters is returned or
// logged through the Config's logger.
package kafka
