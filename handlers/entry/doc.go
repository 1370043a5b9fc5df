// Package entry makes commands of what people and programs ask for. The body of a
// request over HTTP and the data of a command on the topic duolog.commands are the
// same document, read here, and what is named by a caller's own key has the same
// name: whichever way it comes, and comes again, it is the same command.
package entry
