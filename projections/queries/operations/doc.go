// Package operations reads what operators look at: how far each partition has
// come, streams that stopped and why, records that were ignored, and answers on
// their way back.
package operations
