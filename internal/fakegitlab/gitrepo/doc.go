// Package gitrepo keeps real git repositories, bare ones, in a directory. It
// runs the git of this machine, with none of its user's configuration.
//
// A commit is one run of git fast-import: it stands as a whole, or not at all.
package gitrepo
