// Package adapter is the contract of a messaging surface: what Duolog asks of
// it, and what it may promise in return.
//
// An adapter sends one thing when it is asked to and says how that ended. It
// keeps no state about deliveries: that an attempt is made is in the log before
// the adapter is called, and the outcome after.
//
//   - A nil error means that it was sent; the Receipt is the surface's own id
//     of it and is never empty.
//   - A *PermanentError means that it was not sent and that trying again cannot
//     help: the thread is gone, the bot was removed.
//   - An error that wraps ErrUnknown, or a deadline, means that it may have been
//     sent: the surface did not answer.
//   - Any other error means that it was not sent and may be tried again.
//
// Delivery.ID is the same for every attempt of one delivery. A surface that
// takes it as an idempotency key makes its adapter a Deduplicator; one where it
// can be looked up, a Lookuper. With neither, an attempt without an outcome is
// repeated only by hand.
//
// An adapter of hooks is a Teller: it is told of events too, takes all kinds of
// delivery in one way, and says what its destination answered, which is kept.
package adapter
