// Package lab runs what is measured, each part as a process of its own: nodes of
// duolog serve built as users build them, an embedded broker whose every write is
// synced, a Postgres, and where it is asked for an Apache Kafka.
//
// A Lab has one Postgres for everything, because the baselines must stand on the
// same server as the product. A Fleet is a log and an empty database with nodes
// over them.
package lab
