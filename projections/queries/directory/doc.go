// Package directory reads who is who and what is switched on where, now or as of a
// moment: what is read together is one cut.
package directory
