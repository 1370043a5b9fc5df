// Package traces finds the trace that a commit or an effect belongs to, so that
// whoever takes it up goes on with it. Without tracing there is nothing to find.
package traces
