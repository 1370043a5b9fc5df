// Package timeline reads what happened to a workflow, in the order of the log:
// a query over the accepted commits, not a table of its own.
package timeline
