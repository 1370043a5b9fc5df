// Package engine holds the words every engine shares: what is handed over to
// start a run, the engine's own handle for it, and how a run ended.
//
// An engine is where an agent runs: a local process, a CI job, a headless agent
// service. The effects runner declares the interface it uses; an engine
// implements it and keeps four promises.
//
//   - Start is idempotent by run id: however often it is called, and by however
//     many processes, one run starts at most one workload.
//   - Lookup answers from what the engine itself remembers, so that an attempt
//     without an outcome can be resolved after a crash.
//   - Stop of a run that is unknown or over is a success without effect.
//   - An outcome is reported until the reporter has taken it, and then never
//     again. A crash between the two reports it twice: the receiver
//     de-duplicates by run id and epoch.
//
// An engine decides nothing about a workflow. It says what it started and how
// that ended; the workflow's own rules say what this means.
package engine
