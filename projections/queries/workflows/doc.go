// Package workflows reads workflows, one or in lists, always within a tenant: a
// workflow of another one is not there.
package workflows
