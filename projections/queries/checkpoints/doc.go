// Package checkpoints reads a workflow's checkpoints as they were sent, byte
// for byte, with their pending writes, all of one page from one cut.
//
// A page is bounded by its bytes as well: what the rows would weigh is known
// before a blob is read.
package checkpoints
