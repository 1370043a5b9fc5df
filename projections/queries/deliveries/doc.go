// Package deliveries reads what workflows send to the outside: answers to
// messages, events to hooks, each with its attempts and what came back.
package deliveries
