// Package load is the traffic: agents that post checkpoints over connections of
// their own, and what drives them.
//
// Generator and product share the processors, so an agent builds its request once,
// writes over what changes in place, and reads no more of an answer than its status.
package load
