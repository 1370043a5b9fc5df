// Package document reads the JSON objects that people and programs send: the body
// of a request, the data of a command on a topic. Members keep their bytes as they
// came, what two readers could understand differently is refused, and every refusal
// names the member, the reason and the fix.
package document
