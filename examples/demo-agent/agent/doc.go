// Package agent is the demo agent. It answers questions about a git repository
// without a model: it runs git, reads files and writes prose. It is a complete
// agent all the same: it keeps its state in checkpoints, carries on where a killed run
// stopped, waits for a human, and survives an outage of the server.
//
// It imports nothing of Duolog's own packages and speaks only the public API,
// so it can be read as an example and replaced by any program.
//
// A run is: read the workflow's status and its latest checkpoint, say that it
// runs, then one checkpoint per step, then say how it ended. A turn is one
// question and its answer; a workflow has as many turns as somebody asks.
package agent
