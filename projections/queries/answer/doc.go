// Package answer finds what an agent said last, in the newest checkpoint of the root
// namespace.
//
// Where there is a channel ui_chat_log, a list of entries that only grows, the final
// answer is its last entry of type agent that has text and calls no tool; a question is
// the last entry of type agent or request that has text. Otherwise they are found among
// the AI messages of channel messages, as LangChain's agents keep them, in JSON or in
// what package plain makes of other encodings.
//
// A task that was interrupted and not answered since waits for a person; what it was
// interrupted with is the question then.
package answer
