// Package conversations reads threads on messaging surfaces: each message once,
// and what became of it.
package conversations
