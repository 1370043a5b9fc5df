// Package access decides who may do what. It is pure: what is known of people,
// accounts, flows and places is handed in, and the decision says by which part
// of that it stands or falls.
package access
