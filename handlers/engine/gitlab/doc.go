// Package gitlab runs agents as CI jobs of a GitLab instance: one pipeline of one
// job for each run, in the workspace project of the run's workflow.
//
// What starts a run is one commit that creates the run's branch,
// workloads/TENANT/WORKFLOW/RUN, with a generated .gitlab-ci.yml. GitLab makes one
// pipeline of a new branch, and refuses to create a branch twice: however often
// the start is repeated, and whatever became of an answer, there is one job.
//
//   - A crash before the commit leaves a variable that the next try overwrites.
//   - A crash after it leaves a branch, by which Lookup finds the run.
//   - A crash while the end is taken leaves branch or variable for the next look:
//     both are removed before the end is reported, and by then only the pipeline
//     tells how it was.
//
// The run's token never stands in the file. It is a masked variable of the project
// that is limited to the environment of that one job, so that no other job of the
// project can read it.
//
// Hooks of GitLab say that there is something to see, and are believed no more than
// that: how the run is comes from the API. A hook that gets lost costs the time
// until the next look.
package gitlab
