// Package workflow decides about one workflow: one long-lived agent session.
//
// A command is decided against the State of the stream and the Facts that were
// looked up for it (Decide), the result is events, and events change State and
// Facts (Apply). Deciding again from the same input gives the same events: ids
// are derived from the command, the time is handed in.
//
// Vocabulary: a run is one execution by an engine, numbered by its epoch; an
// intent is an event that says an effect shall happen, an attempt that it is
// being tried, an outcome how it ended. An intent without outcome is owed, and
// survives every crash because it stands in the log.
package workflow
