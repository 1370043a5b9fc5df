// Package console is the adapter of the terminal: the event that says
// delivered, on the thread that duolog ask follows, is the delivery itself.
// Nothing is called, so nothing can be lost or made twice.
package console
