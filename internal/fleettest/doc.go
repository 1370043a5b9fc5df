// Package fleettest runs real duolog processes over a log and a database of a
// test's own, and is the user of what they offer: a client of the API, a person
// who asks, an operator with the tools.
//
// Vocabulary: a Fleet is a broker and a database with duolog serve processes over
// them, its Nodes; a Process is any command that runs beside the test; an Agent is
// what the engine starts, counted from outside.
package fleettest
