// Package permission asks, before a command is decided, what the directory knows of who
// may have it: the human, the account that acts for them, the flow, the namespace. What
// it learns goes with the command; domain/access decides, and the decision stands in the
// log.
//
// Every way in leads through a Guard: the API, the topic of commands, messages. What a
// run writes of its own workflow, and what Duolog does by itself, is not asked about
// again: the run was allowed when it began. Before it uses a tool a run asks (UseTool),
// and is decided about as everybody is.
package permission
