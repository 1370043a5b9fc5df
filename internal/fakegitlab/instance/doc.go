// Package instance is what a fake GitLab knows: accounts, groups, projects, who
// is a member of what, tokens, pipelines, conversations. It is plain data with
// the rules over it: no lock (its user has one), no clock, no I/O, so that all
// of it is one JSON document.
package instance
