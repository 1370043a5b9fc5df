// Package effects works off what a workflow owes the outside: starting a run,
// stopping it, delivering an answer. The owner of a partition does it.
//
// Vocabulary: an intent is an effect that was asked for; an attempt is written
// before the call and, accepted, is the claim; the outcome is written after. An
// attempt without an outcome is open: it is unknown whether the call was made.
//
// Effects of one workflow and one destination are made one after another, those
// of others side by side. For each:
//
//  1. attempt_run, attempt_stop or attempt_delivery. Refused: somebody else has
//     the claim, or the effect is done. A crash before it costs nothing.
//  2. The call. A crash from here on leaves an open attempt.
//  3. confirm_run or settle_delivery. The outcome of a stop is the end of the
//     workload, which the engine reports.
//
// An open attempt is resolved, never assumed: a run is looked up at its engine
// and started again, as a new attempt, only where there is no trace of it; a
// delivery is repeated where the surface de-duplicates, looked up where it can
// be, and otherwise left for a person. Attempts of another instance are touched
// only some time after they were made: it may be alive.
//
// Nothing here is remembered: every decision is read from the log's state anew,
// and what a crash loses is at most a pause between two tries.
package effects
