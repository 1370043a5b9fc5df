// Package saga reacts to accepted events with commands, and with nothing else:
// it decides, it keeps no state and calls nobody outside.
//
// Vocabulary: a saga is one rule from events to commands; it has a consumer
// group of its own, so that no saga waits for another.
//
//   - trigger: a message was assigned a workflow → start it, or hand it the
//     message; a refusal goes back to the conversation, and what would try it again
//     to duolog.commands.refused.
//   - follow_up: a run ended → the messages that came meanwhile are gone on with.
//   - status: a workload ended → so does a workflow that nobody ended.
//   - callback: an agent has finished, or waits for a person, or its workload ended →
//     its answer, question or failure is to be delivered to where the message came
//     from, once for a run.
//   - hooks: a workflow's status changed → the hooks that subscribe are told.
//
// The id of a command derives from the event, the saga and the command's type:
// an event that comes twice makes the same command, which is carried out once.
// A saga moves on after the verdict of its last command. Where there is none
// the event comes again. A refusal is an answer: it is logged and the saga
// moves on. A command that meets a stopped stream, or a fault of this build, is
// kept in duolog.commands.refused, from where it can be sent again: other
// streams are not to wait for that.
package saga
