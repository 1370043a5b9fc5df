// Package feed reads what happened to everything of a tenant: a query over the
// accepted commits, in the order of the log within each partition.
package feed
