// Package stored reads checkpoints as they are stored: header, metadata, the value
// of each channel and the pending writes apart, whoever wrote them and through
// which endpoint. Packages that answer requests put them together their way.
//
// Rows are found first, with all that describes them, in one round trip; how much
// they would weigh is known then, before a blob is read. What several of them share
// is read once.
package stored
