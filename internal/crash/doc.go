// Package crash kills the process at named points, for tests that start it
// again and look whether anything was lost or done twice.
//
// It does so only in builds with the tag crashtest, and there only at the point
// that DUOLOG_CRASH_AT names: "dispatch.after_append", or with a count, "the
// third time", "dispatch.after_append:3". In every other build Point is nil and
// nothing is called.
package crash
