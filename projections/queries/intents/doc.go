// Package intents reads the effects that are owed: asked for, without an
// outcome in the log. The owner of a partition works them off.
package intents
