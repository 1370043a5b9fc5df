// Package answer finds what an agent said last: the newest checkpoint of the
// root namespace has a channel ui_chat_log, a list of entries that only grows.
//
// The final answer is the last entry of type agent that has text and calls no
// tool. A question is the last entry of type agent or request that has text.
package answer
