package fakegitlab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
)

// run commits a CI file that wants no pipeline of its own and starts one.
func run(t *testing.T, c *gitlab.Client, project int64, branch, text string) *gitlab.Pipeline {
	t.Helper()
	commit(t, c, project, branch, "workflow: {rules: [{if: '$CI_PIPELINE_SOURCE == \"api\"'}]}\n"+text)
	return must[*gitlab.Pipeline](t)(c.Pipelines.CreatePipeline(project, &gitlab.CreatePipelineOptions{Ref: &branch}))
}

// jobs are the jobs of a pipeline by name.
func jobs(t *testing.T, c *gitlab.Client, p *gitlab.Pipeline) map[string]*gitlab.Job {
	t.Helper()
	out := map[string]*gitlab.Job{}
	for _, j := range must[[]*gitlab.Job](t)(c.Jobs.ListPipelineJobs(p.ProjectID, p.ID, nil)) {
		out[j.Name] = j
	}
	return out
}

// site is the company's project.
func site(t *testing.T, c *gitlab.Client) int64 {
	t.Helper()
	return must[*gitlab.Project](t)(c.Projects.GetProject("acme/tools/site", nil)).ID
}

// TestHowJobsEnd: success, a script that fails, a timeout, a stage that is
// skipped, an allowed failure; each with GitLab's reason and trace.
func TestHowJobsEnd(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	p := run(t, c, site(t, c), "ends", `
stages: [one, two]
default: {before_script: [export SAID=before]}
variables: {GIT_STRATEGY: none}
fine: {stage: one, script: ['echo "it is $SAID"'], after_script: [echo afterwards, "false"]}
allowed: {stage: one, allow_failure: true, script: ["false"]}
broken: {stage: one, script: ["echo here; exit 7", echo never]}
slow: {stage: one, timeout: 1 second, script: [sleep 60]}
later: {stage: two, script: ["true"]}
`)
	done := pipelineDone(t, c, p.ProjectID, p.ID)
	all := jobs(t, c, p)
	for name, want := range map[string]string{"fine": "success", "allowed": "failed script_failure", "broken": "failed script_failure", "slow": "failed job_execution_timeout", "later": "skipped"} {
		if got := strings.TrimSpace(all[name].Status + " " + all[name].FailureReason); got != want {
			t.Errorf("%s: %s, not %s\n%s", name, got, want, read(t, c, p.ProjectID, all[name].ID))
		}
	}
	trace := read(t, c, p.ProjectID, all["broken"].ID)
	if done.Status != "failed" || !strings.Contains(trace, "exit code 7") || strings.Contains(trace, "\nnever") {
		t.Errorf("pipeline %s, trace:\n%s", done.Status, trace)
	}
	if fine := read(t, c, p.ProjectID, all["fine"].ID); !strings.Contains(fine, "\nit is before") || !strings.Contains(fine, "\nafterwards") {
		t.Errorf("trace:\n%s", fine)
	}

	// Tried again, a job has a successor, and the pipeline follows that.
	again := must[*gitlab.Job](t)(c.Jobs.RetryJob(p.ProjectID, all["broken"].ID))
	pipelineDone(t, c, p.ProjectID, p.ID)
	if retried := jobs(t, c, p); again.ID == all["broken"].ID || retried["broken"].ID != again.ID || len(retried) != 5 {
		t.Errorf("retried %v", retried)
	}
}

// TestCancelEndsTheWholeGroup: a canceled job hears SIGTERM, and what it left
// running is killed with it.
func TestCancelEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := client(t, start(t, nil), devToken)
	p := run(t, c, site(t, c), "cancel", `
variables: {GIT_STRATEGY: none}
deaf:
  tags: [gitlab--duo]
  script:
    - trap 'echo terminated' TERM
    - (trap '' TERM; while true; do sleep 0.1; date +%N > `+filepath.Join(dir, "beat")+`; done) &
    - while true; do sleep 0.1; done
`)
	eventually(t, "the job beats", func() bool { _, err := os.Stat(filepath.Join(dir, "beat")); return err == nil })
	canceled := must[*gitlab.Pipeline](t)(c.Pipelines.CancelPipelineBuild(p.ProjectID, p.ID))
	if canceled.Status != "canceling" {
		t.Errorf("while it ends: %s", canceled.Status)
	}
	done := pipelineDone(t, c, p.ProjectID, p.ID)
	job := jobs(t, c, p)["deaf"]
	if done.Status != "canceled" || job.Status != "canceled" || !strings.Contains(read(t, c, p.ProjectID, job.ID), "terminated") {
		t.Errorf("pipeline %s, job %s, trace:\n%s", done.Status, job.Status, read(t, c, p.ProjectID, job.ID))
	}
	if err := os.Remove(filepath.Join(dir, "beat")); err != nil {
		t.Fatal(err)
	}
	next := run(t, c, p.ProjectID, "next", "variables: {GIT_STRATEGY: none}\nx: {script: [sleep 0.3]}")
	pipelineDone(t, c, p.ProjectID, next.ID)
	if _, err := os.Stat(filepath.Join(dir, "beat")); err == nil {
		t.Error("a process of the canceled job goes on")
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("not so: %s", what)
		}
	}
}

// TestVariablesReachTheirEnvironment: the order of layers, scopes of
// environments, files, masking, and nothing of the server's own environment.
func TestVariablesReachTheirEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "leaked")
	s := start(t, nil)
	c, olga := client(t, s, devToken), client(t, s, "glpat-olga")
	id := site(t, c)
	for _, v := range []gitlab.CreateProjectVariableOptions{
		{Key: new("WHO"), Value: new("project")},
		{Key: new("RUN_TOKEN"), Value: new("token-of-run-one"), EnvironmentScope: new("run-1"), Masked: new(true), Raw: new(true)},
		{Key: new("RUN_TOKEN"), Value: new("token-of-run-two"), EnvironmentScope: new("run-2"), Masked: new(true), Raw: new(true)},
		{Key: new("NOTES"), Value: new("line one"), VariableType: new(gitlab.FileVariableType)},
		{Key: new("GUARDED"), Value: new("of the default branch"), Protected: new(true)},
		{Key: new("DOLLAR"), Value: new("$WHO costs $$5"), Raw: new(true)},
		{Key: new("EXPANDED"), Value: new("$WHO costs $$5")},
	} {
		must[*gitlab.ProjectVariable](t)(olga.ProjectVariables.CreateVariable(id, &v))
	}
	p := run(t, c, id, "vars", `
variables: {GIT_STRATEGY: none, WHO: file}
one:
  environment: {name: run-1}
  script:
    - 'test "$RUN_TOKEN" = token-of-run-one && echo "have $RUN_TOKEN"'
    - 'echo "who $WHO, notes $(cat "$NOTES"), $DOLLAR, $EXPANDED, env ${SECRET_OF_THE_SERVER:-none}, guarded ${GUARDED:-none}"'
two: {script: ['echo "run token ${RUN_TOKEN:-none}, home is $HOME"', 'test -d "$HOME"']}
`)
	if done := pipelineDone(t, c, id, p.ID); done.Status != "success" {
		t.Errorf("pipeline %s", done.Status)
	}
	all := jobs(t, c, p)
	one, two := read(t, c, id, all["one"].ID), read(t, c, id, all["two"].ID)
	for _, want := range []string{"\nhave [MASKED]", "\nwho project, notes line one, $WHO costs $$5, project costs $5, env none, guarded none"} {
		if !strings.Contains(one, want) {
			t.Errorf("trace lacks %q:\n%s", want, one)
		}
	}
	if !strings.Contains(two, "\nrun token none") {
		t.Errorf("trace:\n%s", two)
	}
	if r, err := olga.ProjectVariables.RemoveVariable(id, "RUN_TOKEN", nil); status(r) != 409 {
		t.Errorf("removed one of two: %v", err)
	}
	if _, err := olga.ProjectVariables.RemoveVariable(id, "RUN_TOKEN", &gitlab.RemoveProjectVariableOptions{Filter: &gitlab.VariableFilter{EnvironmentScope: "run-1"}}); err != nil {
		t.Error(err)
	}
	hidden := must[*gitlab.ProjectVariable](t)(olga.ProjectVariables.CreateVariable(id, &gitlab.CreateProjectVariableOptions{Key: new("HIDDEN"), Value: new("never-shown"), MaskedAndHidden: new(true)}))
	if hidden.Value != "" || !hidden.Hidden || !hidden.Masked {
		t.Errorf("hidden %+v", hidden)
	}
	if left := must[[]*gitlab.ProjectVariable](t)(olga.ProjectVariables.ListVariables(id, nil)); len(left) != 7 {
		t.Errorf("left %+v", left)
	}
	if _, r, _ := olga.ProjectVariables.CreateVariable(id, &gitlab.CreateProjectVariableOptions{Key: new("M"), Value: new("two words"), Masked: new(true)}); status(r) != 400 {
		t.Errorf("masked what cannot be: %d", status(r))
	}
}

// TestJobClonesOnDemand: with a strategy the job finds the commit, and its
// origin can be fetched from with the job's token.
func TestJobClonesOnDemand(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	p := run(t, c, site(t, c), "clone", `
build:
  variables: {GIT_DEPTH: 5}
  script:
    - cat README.md
    - test "$(git rev-parse HEAD)" = "$CI_COMMIT_SHA"
    - git fetch --quiet origin main
    - if git push --quiet origin HEAD:refs/heads/not-allowed; then exit 9; fi
`)
	done := pipelineDone(t, c, p.ProjectID, p.ID)
	if trace := read(t, c, p.ProjectID, jobs(t, c, p)["build"].ID); done.Status != "success" || !strings.Contains(trace, "# Site") || strings.Contains(trace, "glcbt-") {
		t.Errorf("pipeline %s, trace:\n%s", done.Status, trace)
	}
}

// TestJobWithoutARunnerWaits: a tag that no runner has, or no runner at all,
// leaves the job pending until it is stuck.
func TestJobWithoutARunnerWaits(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := start(t, func(c *fakegitlab.Config) { c.Now = clock.now })
	c := client(t, s, devToken)
	p := run(t, c, site(t, c), "tags", "x: {tags: [gitlab--duo, gpu], script: [echo]}")
	if p.Status != "pending" {
		t.Errorf("begins as %s", p.Status)
	}
	clock.advance(time.Hour)
	done := pipelineDone(t, c, p.ProjectID, p.ID)
	if j := jobs(t, c, p)["x"]; done.Status != "failed" || j.FailureReason != "stuck_or_timeout_failure" || j.StartedAt != nil {
		t.Errorf("pipeline %s, job %+v", done.Status, j)
	}
}

// TestRestartKeepsTheStateAndLosesTheRunner: what was running when the server
// ended has failed when it is back; all else is as it was.
func TestRestartKeepsTheStateAndLosesTheRunner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, func(c *fakegitlab.Config) { c.StateDir, c.Runners = dir, 1 })
	c := client(t, first, devToken)
	p := run(t, c, site(t, c), "restart", "variables: {GIT_STRATEGY: none}\nrunning: {script: [sleep 60]}\nwaiting: {script: ['true']}")
	eventually(t, "the job runs", func() bool { return jobs(t, c, p)["running"].Status == "running" })
	if _, err := fakegitlab.Start(fakegitlab.Config{StateDir: dir, Now: time.Now}); err == nil {
		t.Error("two servers use one directory")
	}
	first.Close()

	c = client(t, start(t, func(c *fakegitlab.Config) { c.StateDir = dir }), devToken)
	done := pipelineDone(t, c, p.ProjectID, p.ID)
	all := jobs(t, c, p)
	if done.Status != "failed" || all["running"].FailureReason != "runner_system_failure" || all["waiting"].Status != "success" {
		t.Errorf("pipeline %s, jobs %+v", done.Status, all)
	}
	next := run(t, c, p.ProjectID, "another", "x: {script: ['true']}")
	if next.ID <= p.ID {
		t.Errorf("number %d was given before", next.ID)
	}
}

// TestDeletedProjectTakesItsJobsAlong: what runs in a project ends with it.
func TestDeletedProjectTakesItsJobsAlong(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	p := run(t, c, site(t, c), "gone", "variables: {GIT_STRATEGY: none}\nx: {script: [sleep 60]}")
	eventually(t, "the job runs", func() bool { return counts(t, s).Running == 1 })
	if _, err := client(t, s, "glpat-olga").Projects.DeleteProject(p.ProjectID, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job ended", func() bool { return counts(t, s).Running == 0 })
	if got := counts(t, s); got.Pipelines != 0 || got.Jobs != 0 || len(got.Projects) != 0 {
		t.Errorf("left %+v", got)
	}
	if _, r, _ := c.Pipelines.GetPipeline(p.ProjectID, p.ID); status(r) != 404 {
		t.Errorf("the pipeline of a deleted project: %d", status(r))
	}
}

// TestTraceIsBounded: a job that prints without end keeps what fits.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	p := run(t, c, site(t, c), "loud", "variables: {GIT_STRATEGY: none}\nx: {script: ['head -c 5000000 /dev/zero | tr \"\\\\0\" x']}")
	pipelineDone(t, c, p.ProjectID, p.ID)
	trace := read(t, c, p.ProjectID, jobs(t, c, p)["x"].ID)
	if len(trace) > 4<<20+100 || len(trace) < 4<<20 || !strings.Contains(trace[4<<20-200:], "exceeded limit") {
		t.Errorf("the trace has %d bytes, ends %q", len(trace), trace[max(0, len(trace)-100):])
	}
}

// TestPipelineIsSeenAtItsAddress: where the API says that people see a pipeline, they see
// what its jobs said, as text.
func TestPipelineIsSeenAtItsAddress(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	p := run(t, c, site(t, c), "seen", "variables: {GIT_STRATEGY: none}\nsay: {script: [echo a word]}\n")
	pipelineDone(t, c, p.ProjectID, p.ID)
	status, text := request(t, "GET", p.WebURL, "", "")
	if status != 200 || !strings.Contains(text, "acme/tools/site: success") || !strings.Contains(text, "\na word\n") || strings.Contains(text, "\x1b") {
		t.Errorf("%d\n%q", status, text)
	}
	for _, address := range []string{p.WebURL + "9", s.URL() + "/acme/tools/-/pipelines/1", s.URL() + "/acme/tools/site/-/pipelines/x"} {
		if status, _ := request(t, "GET", address, "", ""); status != 404 {
			t.Errorf("%s: %d", address, status)
		}
	}
}
