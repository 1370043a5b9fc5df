// Package runner runs one CI job as processes of this machine: a fresh
// directory, the repository where it is asked for, bash with the job's script
// and exactly the job's variables, all of it in one process group.
//
// What the job prints goes to its trace, line by line, with masked values
// replaced, up to a bound. The image of a job is ignored: its script finds the
// programs of this machine.
//
// When the script's shell ends, what is left of its group is killed. A job that
// is to end early gets SIGTERM, then SIGKILL after a grace.
package runner
