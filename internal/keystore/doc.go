// Package keystore keeps the tokens: the one truth beside the journal. A token
// is never in the log and never in a read model; only its SHA-256 is here.
//
// The store is one file of JSON lines, mode 0600, shared by the nodes of one
// machine or one shared volume. Lines are only ever added, under a lock, and
// synced before the caller gets an answer. Every look-up compares the file's
// size with what has been read, so a token added or revoked by another node
// counts at once.
//
// A crash in the middle of an append leaves a line without its end: nobody was
// told that it worked, readers pass over it, the next append cuts it off. Any
// other line that cannot be read is damage, and nothing is let in until the
// file is restored: a lost revocation must not open a door.
//
// The tokens of runs are not here: they are signed, with a key that is. Keys that
// sign are exchanged by adding another; the one before it is believed for as long as
// what it signed may live.
//
// Tokens that expired a day ago are dropped by writing the file anew once
// they are half of a file that has grown, still under the lock. Other nodes see
// that the file is another one and read it from the start.
//
// Back the file up by itself: rebuilding from the journal does not bring it back.
package keystore
