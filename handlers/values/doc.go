// Package values is the encoding of application/vnd.duolog.values: a JSON object on
// one line, its head, and after the line's end raw bytes, its tail. A value in the
// head says its type and where its bytes are in the tail:
//
//	{"type":"msgpack","at":0,"size":900}
//
// A reader may ask for values in pieces (AddShared), so that what several have in
// common comes once. Spans may be shared, and bytes that no value names are no error. A body without
// values may be the head alone.
//
// Nothing here looks at the bytes of a value: what a type means is for the clients
// to know.
package values
