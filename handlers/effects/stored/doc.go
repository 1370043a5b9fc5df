// Package stored reads what decisions outside a stream need of it: its state,
// and the text its events carry.
package stored
