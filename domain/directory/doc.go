// Package directory decides who is who in a company and what is switched on
// where: users, groups and projects as a tree, memberships that are inherited
// down it, the service accounts of flows, and flags.
//
// There are two kinds of stream. A namespace is a root group of a tenant with all
// that is below it: it decides together, so finding or making a project is one
// stream's decision. A user is one login: profile and preferences.
//
// What a stream holds is entries, each under a key, looked up by it: a change costs
// no more in a large company than in a small one. What was made in a container goes
// with it: an entry names the container it was made in by when that was made, so
// that one made anew under the same path begins empty.
package directory
