// Package fakegitlab is a GitLab to try Duolog on and to test it with: GitLab's
// real wire format over real git repositories and a runner that really runs a
// job's script as a process of this machine.
//
// What it knows is in package instance, under one lock; a snapshot of it goes
// to <StateDir>/state.json shortly after each change and at Close. Repositories
// and traces are files beside it. A kill loses what the last snapshot lacks;
// after any start, a job that was running has failed with
// runner_system_failure, as when a runner dies.
//
// A handler answers (value, error): the value becomes JSON, a *refusal is the
// error that GitLab would send. Handlers run under the lock unless their route
// is marked git: those run programs, and take the lock only where they touch
// the state.
//
// A request sees what its token may see: who is no member of a private project
// gets 404, who may less than the call needs 403. A composite token passes only
// where its service account and its person both may.
package fakegitlab
