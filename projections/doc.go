// Package projections derives the read models from the journal.
//
// The projector takes what is there of one partition as a batch, asks
// journal.Admit of each record, folds the accepted commits and writes verdicts,
// commits, read models and the partition's offset in one transaction, so that
// a reader sees one cut of the log and a crash repeats the batch or not at all.
// Its first statement swaps the offset: whoever lost the partition fails there,
// before a row is written, whatever it remembers.
//
// A fold writes only rows of its own stream. An accepted commit that cannot be
// folded stops that stream, is listed in the table stopped, and delays nobody
// else.
package projections
