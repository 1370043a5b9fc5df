// Package embedded starts the parts that `duolog dev` and the tests bring themselves: a broker that
// speaks Kafka's protocol inside this process, and a Postgres server as a child process.
//
// They are for trying, developing and small single-node use. The broker (franz-go's kfake) keeps its
// log on disk and syncs each batch, but ignores the errors of that sync (so it is kept from the end of
// the disk: it refuses records while little is free), cuts a segment at its first
// damaged batch, and reads the whole log at start; `duolog serve` takes a real Kafka instead.
//
// Vocabulary: a state directory belongs to one process at a time, by a lock that the kernel releases
// when the process dies, however it dies. A leftover is a Postgres process whose parent was killed;
// the next start ends it before it touches the data.
//
// Failure handling: whatever cannot start says why and what to do about it. A start that fails leaves
// no process, no lock and no half-made database behind.
package embedded
