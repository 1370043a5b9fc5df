// Package faults proves what happens to Duolog when what it stands on fails: the
// network, the brokers, the database, the disk, and the log itself. Its tests run
// real duolog serve processes under the build tag faults (make test/faults); LONG=1
// runs the long form.
//
// Vocabulary: a stand is a log and a database behind proxies, with nodes over them;
// a load is clients that write meanwhile and keep every answer; a row is one fault
// of a table. After each row the same is asked: is every acknowledged write there
// once, are the read models those of a rebuild, is the stand as it was.
package faults
