// Package configured is the directory that a tenant's configuration comes to: one
// group, at most one project, a list of flows, a list of flags, one service account for all of them.
// Everybody who has a token is a developer there. Nothing can be missing that a
// trigger could make: what is not configured is not there.
package configured
