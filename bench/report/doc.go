// Package report holds what a run of the benchmark found, and prints it: a table
// under a line about the machine, and a list of results as JSON.
package report
