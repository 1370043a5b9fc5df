// Package baseline does the bare work that the product's is compared with, on the
// same database server and the same broker: single inserts (pgbench), bare produces
// (sarama), and bare inserts of many rows at once into the product's own tables.
//
// Each has the settings that serve it best among those that keep what it
// acknowledged.
package baseline
