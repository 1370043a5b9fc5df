// Package dispatch takes commands to verdicts.
//
// There is one queue per stream in this process. Commands that wait are decided
// one after another on the head and the facts looked up for all of them in one
// snapshot, each commit on the one before, and appended together; what comes in
// numbers shares a commit. The answer is given when Postgres shows the verdict, so
// every client reads its own writes.
//
// The queue is for efficiency; the parent chain is the rule. A commit that is
// ignored, because another node was faster, is decided again after the commit
// that beat it is visible. An append whose outcome is unknown is appended
// again, the same bytes: the chain accepts at most one copy.
//
// What a stream was after this process's last accepted commit is remembered for
// the next one, within bounds; it may be old, and only decisions that the chain
// proves right stand on it.
package dispatch
