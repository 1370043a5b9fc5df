// Package trigger holds the words for what is done before a workflow runs: the
// steps, in their order, what each came to and what it rests on. Workflows record
// those that led to them, conversations those that led to a refusal.
package trigger
