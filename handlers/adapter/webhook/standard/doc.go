// Package standard signs and verifies webhooks as Standard Webhooks says
// (https://www.standardwebhooks.com). It needs the standard library alone, so
// that receivers can import it.
//
// A message has an id, the same over all attempts, and each attempt a time. What
// is signed is id.timestamp.body. Two kinds of key sign:
//
//   - v1: HMAC-SHA256 with a secret both sides know (whsec_, 24 to 64 bytes).
//   - v1a: ed25519; the sender has the private key (whsk_), receivers need the
//     public one (whpk_) alone.
//
// A header may hold several signatures: while a key is replaced, the sender
// signs with both, and a receiver takes a message that one of its keys signed.
package standard
