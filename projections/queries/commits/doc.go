// Package commits reads what was accepted of everything of a tenant, in the order of
// the log within each partition.
package commits
