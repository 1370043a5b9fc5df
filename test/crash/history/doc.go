// Package history is what clients of a fleet saw, and the checks that say
// whether it could have been so.
//
// An Operation is one request with the time it was sent, the time it was
// answered and the answer. An operation whose answer never came is open: it may
// have happened at any moment after it was sent, or never. Linearizable asks
// whether there is one order of all operations of a workflow that explains every
// answer; Written compares the answers with the accepted commits of the log;
// Follows looks at the events themselves; Unpublished compares the log with the
// events topic.
//
// The checks know nothing of how the product works: the state machine is written
// down here a second time.
package history
