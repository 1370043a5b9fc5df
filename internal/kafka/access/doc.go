// Package access is how a client and the brokers come to trust each other: TLS
// for whom the client speaks to and what others can hear of it, a certificate or
// a user with a password for who it is.
//
// Passwords and keys stand in files of their own that nobody else may read, and
// never in the configuration: what a Settings prints is no secret. The files are
// read when a connection is made, so that a new certificate or password counts
// without a restart; the authorities and the password of PLAIN are read when a
// client is made.
package access
