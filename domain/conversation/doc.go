// Package conversation decides about one thread on a messaging surface: which
// messages it received (each once), why one was refused, and which workflow
// each message starts or continues.
//
// Workflow ids derive from the conversation and the message, so a message that
// arrives twice, or a trigger that crashes and runs again, names the same
// workflow.
package conversation
