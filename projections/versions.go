package projections

import "math"

// Checkpoints and writes are tables of versions: rows are only added, and of a key the
// greatest number counts. As of a moment it is the greatest of those before it.

// AllNumbers is behind every number: what counts now.
const AllNumbers = math.MaxInt64

// CheckpointOf is SQL for the version that counts of a checkpoint whose stream, ns_hash
// and thread_ts are columns of row, among the numbers below the parameter before.
func CheckpointOf(row, before string) string {
	return CheckpointAt(row+".stream", row+".ns_hash", row+".thread_ts", before)
}

// CheckpointAt is CheckpointOf for a checkpoint that parameters or columns name.
func CheckpointAt(stream, nsHash, threadTS, before string) string {
	return `SELECT * FROM checkpoints WHERE stream = ` + stream + ` AND ns_hash = ` + nsHash + ` AND thread_ts = ` + threadTS + `
		AND number < ` + before + ` ORDER BY number DESC LIMIT 1`
}

// NewestCheckpoint is SQL for the version that counts of the newest checkpoint of a
// namespace, among the numbers below before. All three are parameters.
func NewestCheckpoint(stream, nsHash, before string) string {
	return `SELECT * FROM checkpoints WHERE stream = ` + stream + ` AND ns_hash = ` + nsHash + ` AND number < ` + before + `
		ORDER BY thread_ts DESC, number DESC LIMIT 1`
}

// WritesOf is SQL for the rows of all writes of a checkpoint whose stream, ns_hash and
// thread_ts are columns of row, among the numbers below before: for LatestWrites.
func WritesOf(row, before string) string {
	return `SELECT * FROM writes WHERE stream = ` + row + `.stream AND ns_hash = ` + row + `.ns_hash AND thread_ts = ` + row + `.thread_ts
		AND number < ` + before
}
