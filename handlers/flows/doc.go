// Package flows resolves what people and programs ask for as a flow, whichever way they
// ask: the catalog and the rules are those of domain/flow, and here the flags are
// evaluated, for the project that the workflow belongs to or else its namespace.
package flows
