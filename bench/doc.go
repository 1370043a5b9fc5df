// Command bench measures Duolog against the bare parts it stands on, on this
// machine, in one run: docs/performance.md says what each row is and how it is
// measured.
//
// A pair is one measurement of a baseline and one of the product, seconds apart, on
// the same disk, the same Postgres and the same broker: a ratio of the two says
// something where the machine is shared, a number alone does not. Pairs alternate;
// the median of their ratios is the result, the extremes stand beside it.
//
// Vocabulary: a row is a line of the table; a figure is a row while it is measured; a
// comparison is a baseline with the figures beside it; a group is what is measured on
// one fleet, a log and a database with nodes of its own. The parts are in packages of
// their own: lab runs processes, load is the traffic, baseline does the bare work,
// forge writes long logs, report prints.
package main
