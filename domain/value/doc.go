// Package value keeps bytes with a type as a list of content-addressed pieces,
// so that a client may send its whole state at every step and only what is new
// is stored.
//
// # Vocabulary
//
//   - A piece is a run of the value's own bytes. Head, pieces and tail in order
//     are exactly the bytes: no separator, no re-encoding. Key order, spaces,
//     1.0 and escapes survive.
//   - A blob is what is stored apart: the bytes of a piece, or of a node. Its
//     Address is the SHA-256 of the bytes as stored.
//   - An Entry is one element of a value: bytes that stand inline, a blob, or a
//     node, which is a blob that lists 64 entries.
//   - A Manifest is the resolved description of a value. Equal type and bytes
//     give an equal manifest.
//   - A Value is what an event carries: a manifest written as its difference to
//     an earlier one of the same stream.
//   - A template is a checkpoint whose channel values stand apart.
//
// # Why appends stay small
//
// Lists are cut where items end, so appending an item leaves all pieces before
// it as they were; the closing brackets are the tail, and a length in front is
// the head, and neither is an entry. Each full 64 entries of a level become one
// node of the next, counted from the start of the value, so that a manifest has
// at most 63 entries a level and the nodes of a prefix are the same nodes. A
// step therefore stores its new item, one entry, and a 64th of a node.
//
// # The format is a promise
//
// Where cuts fall, how entries are written and what is hashed is fixed:
// testdata holds the bytes. A reader needs none of the rules of cutting, only
// those of entries, so cutting may improve as long as old bytes resolve.
//
// Everything that is read back is checked: sizes against sums, blobs against
// their address. Input from the log gives errors, never a panic.
package value
