// Package threads reads workflows as LangGraph's checkpoint savers do: a thread is a
// workflow, its checkpoints have a header without the state, and each value of a
// channel and of a write is a type and bytes.
//
// What is read is one cut. A checkpoint that was sent whole, as the Duo Workflow API
// does, is answered the same way, its values of type json.
package threads
