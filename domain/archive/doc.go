// Package archive is the file by which a workflow leaves one log and enters another:
// one JSON document a line.
//
//	{"header":{…}}                    what it is, and what it ends with
//	{"bytes":[…]}                     bytes that did not fit the line of their commit
//	{"commit":{"record":"…",…}}       a commit, its record as it stands in the log
//	{"end":{…}}                       without it, the file was cut off
//
// Everything in it can be checked without a server: a record is the text whose hash
// the next one names as its parent, bytes are named by their hash, and header and end
// name the last hash. A reader says which line is the first that is wrong.
package archive
