// Package e2e tests the real binary as its users meet it: processes that are
// started, asked, stopped, killed and started again, over their own log and
// database. Only what a user can see is looked at: what commands print, what the
// API answers, what stands in the log and the read models.
//
// Vocabulary: a dev is a duolog dev with its state directory, over any number of
// processes; a fleet is a broker and a database of the test with duolog serve
// processes over them.
package e2e
