// Package identity knows who shows a bearer token. There are three kinds: an opaque
// token of the keystore, which stands for a person or a service; a signed token that
// this deployment made for one run of a workflow; and a token of the company's own
// identity provider.
//
// A signed token is told apart by who signed it: the id of its key is one of ours, or
// its issuer is one of the configuration's. Nothing in it counts before its signature
// does.
//
// What cannot be let in is refused with a code of its own: token_invalid,
// token_expired, token_revoked, wrong_audience, unknown_issuer; a provider that cannot
// be asked for its keys is not_now, and stops nobody else.
package identity
