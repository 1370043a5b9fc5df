// Package webhook is the adapter of hooks: it tells addresses that a tenant has
// configured what happens to its workflows.
//
// Vocabulary: a hook is a name, an address and the keys its messages are signed
// with. A message is a delivery: its id is the webhook-id over all attempts, so
// a receiver takes it once however often it comes, and an attempt whose outcome
// is unknown is simply repeated.
//
// What an answer means stands in one table (outcome.go), when the next attempt
// is made in another (schedule.go). An address is checked when the connection is
// made (client.go), after its name was resolved: names that lead to this
// machine, or to a network that is not the internet, reach nobody.
//
// A hook that answered 410 Gone is not called any more. That is no setting of
// this process: it is read from the attempts, hence from the log, and holds until
// the hook's address or revision is another one.
package webhook
