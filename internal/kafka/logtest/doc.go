// Package logtest is the conformance suite of internal/kafka: what the rest of
// Duolog relies on, checked on any cluster that speaks the protocol. Each test
// has topics of its own, so clusters may be shared and kept.
package logtest
