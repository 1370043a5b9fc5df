// Package payload is what hooks are told: the types of events they subscribe to,
// and the JSON of one. It is thin: what is long is cut, and the URL leads to the
// rest.
package payload
