// Package gitlab answers who is who from a GitLab instance: its users, groups,
// projects, members and service accounts. What GitLab has no public API for, which
// flows are on and which namespace a user works in, comes from another directory.
//
// Answers are kept for a bounded time, and say when GitLab was asked. A change that
// was made through here is seen at once; one made in GitLab after that time at most.
package gitlab
