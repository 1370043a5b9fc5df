// Package admin is how people change Duolog's own directory: who may, what must be
// there for a change to make sense, and whole documents of a company.
//
// A namespace decides by itself. What reaches over streams (is there such a user, does
// a workflow run in the project) is asked beforehand in one cut; between the question
// and the commit it may change, and nothing breaks by that: a membership of a login
// that nobody has gives nothing.
package admin
