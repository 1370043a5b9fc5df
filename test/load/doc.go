// Package load offers a real duolog serve more than it is used to, and looks at
// it from outside: how much memory it takes, what it answers at more than its
// capacity, how it ends in the middle of work, and what slow clients do to
// others. Its tests run with the build tag load, in their short form, or with
// LONG=1 for as long as the claims say.
//
// The broker, the database and the clients are not in the process that is
// measured. The machine may be shared and slow: what is compared in time is a
// ratio of two measurements of one run, and what was reached is printed.
package load
