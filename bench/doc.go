// Command bench measures Duolog against the bare parts it stands on, on this
// machine, in one run: visible checkpoint POSTs beside a bare INSERT (pgbench)
// and a bare produce (sarama), and what a growing conversation adds to the log.
//
// A pair is one measurement of a baseline and one of the product, seconds
// apart, on the same disk, the same Postgres and the same broker: a ratio of
// the two says something where the machine is shared, a number alone does not.
// Pairs alternate; the median of their ratios is the result, the extremes stand
// beside it.
//
// The product is the built binary as a process of its own (duolog dev). The
// load is a closed loop over raw connections with requests built beforehand,
// because generator and product share the processors.
package main
