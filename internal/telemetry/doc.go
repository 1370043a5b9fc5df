// Package telemetry is what a node tells about itself: a log that keeps secrets
// to itself, and metrics for Prometheus.
//
// Metrics are one struct for each component, registered in a registry that the
// caller owns. Labels take few values only: partitions, codes, kinds, route
// patterns, never an id or a path. What has to be asked from the database at
// each scrape is asked with a deadline; a scrape never waits for it longer.
package telemetry
