// Package embeddedtest gives tests the embedded broker and Postgres. A package that uses it writes
//
//	func TestMain(m *testing.M) { embeddedtest.Main(m) }
//
// which also looks for leaked goroutines. What cannot start fails the test; nothing is skipped.
package embeddedtest
