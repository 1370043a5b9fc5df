// Package flow holds the catalog of flows, and how what somebody asks for becomes the
// four values that a workflow records: definition, id and schema version of the
// configuration, version. It is pure: flags and policies come in as values, so that
// the same question has the same answer wherever it is asked. What was recorded is
// never resolved again.
package flow
