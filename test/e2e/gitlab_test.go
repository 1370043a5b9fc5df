package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab"
	"github.com/duolog/duolog/internal/fakegitlab/fault"
	"github.com/duolog/duolog/internal/fleettest"
)

const ciProject = "acme/duo-workspace"

// forge is a GitLab that has the workspace of a fleet's tenant, whose agents are its
// jobs.
type forge struct{ *fleettest.GitLab }

// newForge starts it, and lets it run the agents of the tenant.
func newForge(t *testing.T, f *fleettest.Fleet, c fleettest.GitLabConfig) forge {
	t.Helper()
	c.Runners, c.Seed = 2, fakegitlab.Seed{
		Groups:   []fakegitlab.SeedGroup{{Path: "acme"}},
		Projects: []fakegitlab.SeedProject{{Path: ciProject, Files: map[string]string{"README.md": "# Agents\n"}}},
	}
	g := f.NewGitLab(c)
	f.Config = fleettest.Write(t, strings.Replace(fleettest.Read(t, f.Config), "    service_account:", "    engine: gitlab\n    service_account:", 1), f.Config)
	return forge{g}
}

func (f forge) pipelines(t *testing.T) int {
	t.Helper()
	list, _, err := f.Client.Pipelines.ListProjectPipelines(ciProject, nil)
	fleettest.OK(t, err)
	return len(list)
}

// retryOver has the job of a run retried that is over, and waits for its end: nothing
// comes of it.
func (f *forge) retryOver(t *testing.T) {
	t.Helper()
	list, _, err := f.Client.Pipelines.ListProjectPipelines(ciProject, nil)
	fleettest.OK(t, err)
	jobs, _, err := f.Client.Jobs.ListPipelineJobs(ciProject, list[0].ID, nil)
	fleettest.OK(t, err)
	fleettest.Eventually(t, 30*time.Second, func() error {
		variables, _, err := f.Client.ProjectVariables.ListVariables(ciProject, nil)
		if err == nil && len(variables) > 0 {
			err = fmt.Errorf("the end of the run was not seen")
		}
		return err
	})
	again, _, err := f.Client.Jobs.RetryJob(ciProject, jobs[0].ID, nil)
	fleettest.OK(t, err)
	fleettest.Eventually(t, 30*time.Second, func() error {
		job, _, err := f.Client.Jobs.GetJob(ciProject, again.ID)
		if err == nil && job.Status != "failed" {
			err = fmt.Errorf("the job is %s", job.Status)
		}
		return err
	})
}

// TestE2RunsOfGitLab: agents run as CI jobs, and each run is one pipeline, though the
// answer to its start gets lost, and though the node is killed around the call.
func TestE2RunsOfGitLab(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	n := f.Node("a", "")
	g := newForge(t, f, fleettest.GitLabConfig{})
	n.Start()
	f.Answered(t, f.Ask(n.Base, "what changed, asked of CI?"))
	if hooks, _, err := g.Client.Projects.ListProjectHooks(ciProject, nil); err != nil || len(hooks) != 1 || hooks[0].URL != n.Base+"/v1/gitlab/hooks" {
		t.Errorf("the project has the hooks %+v, %v", hooks, err)
	}

	g.retryOver(t)
	g.Fails(t, fault.Rule{Method: http.MethodPost, Path: "*/repository/commits", Kind: fault.TimeoutAfterSuccess, Times: 1})
	f.Answered(t, f.Ask(n.Base, "what changed, though an answer got lost?"))
	n.Proc.Kill()

	points := []string{"effects.after_call", "effects.after_attempt"}
	points = points[:few(len(points))]
	for _, point := range points {
		n.Launch(fleettest.Crashtest(t), "DUOLOG_CRASH_AT="+point)
		fleettest.Eventually(t, 30*time.Second, func() error { return fleettest.Answers(n.Base + "/readyz") })
		asked := f.Ask(n.Base, "what changed, killed at "+point+"?")
		if n.Proc.Await(t, 40*time.Second); !n.Proc.Killed() {
			t.Fatalf("the node ended: %s", n.Proc.Err.String())
		}
		n.Start()
		f.Answered(t, asked)
		n.Proc.Kill()
	}
	n.Start()
	if made, want := g.pipelines(t), 2+len(points); made != want {
		t.Errorf("there are %d pipelines for %d runs", made, want)
	}
	fleettest.Eventually(t, 40*time.Second, func() error {
		branches, _, err := g.Client.Branches.ListBranches(ciProject, nil)
		if err == nil && len(branches) != 1 {
			err = fmt.Errorf("%d branches are left", len(branches))
		}
		return err
	})
	r := f.Tool("doctor", "--config", f.Config)
	for _, want := range []string{"✓ GitLab lets the engine in", "✓ acme/duo-workspace has a runner for agents"} {
		if !strings.Contains(r.Out, want) {
			t.Errorf("doctor does not say %q:\n%s%s", want, r.Out, r.Err)
		}
	}
	f.Clean()
}

// TestAnswerBeforeTheJobEnds: without a hook the end of a job is seen when it is looked
// for. What the agent has to say does not wait for that, and is said once; no other run
// begins before.
func TestAnswerBeforeTheJobEnds(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 0)
	n := f.Node("a", "")
	gate := filepath.Join(f.Dir, "gate")
	newForge(t, f, fleettest.GitLabConfig{NoHooks: true, Script: []string{
		"cd " + f.Repository, strings.Join(f.Agent.Program, " "), "until test -e " + gate + "; do sleep 0.1; done",
	}})
	n.Start()
	happened := func(goal, name string, want int) {
		t.Helper()
		if l := n.Timeline(n.Of(goal).UUID.String()); l.Count(name) != want {
			t.Errorf("%s happened %d times, not %d: %s", name, l.Count(name), want, l.Types())
		}
	}
	const goal, unclear = "what changed, asked of CI?", "ask me which file"
	f.Answered(t, f.Ask(n.Base, goal))
	happened(goal, "workload_finished", 0)
	fleettest.Write(t, "", gate)
	n.Awaits(n.Of(goal).UUID.String(), "workload_finished")
	happened(goal, "delivery_requested", 1)

	fleettest.OK(t, os.Remove(gate))
	inThread := func(text string) *fleettest.Process {
		return fleettest.Launch(t, f.Dir, []string{"DUOLOG_URL=" + n.Base, "DUOLOG_TOKEN=" + f.Token}, fleettest.Duolog(t), "ask", "--thread", "q", text)
	}
	asked := inThread(unclear)
	if asked.Await(t, 60*time.Second); strings.Count(asked.Out.String(), "✓ delivered") != 1 || !strings.Contains(asked.Out.String(), "Which file") {
		t.Fatalf("it asked:\n%s%s", asked.Out.String(), asked.Err.String())
	}
	reply := inThread("README.md, please")
	reply.Said(t, "a run is under way")
	happened(unclear, "run_requested", 1)
	fleettest.Write(t, "", gate)
	if code := reply.Await(t, 60*time.Second); code != 0 || strings.Count(reply.Out.String(), "✓ delivered") != 1 || !strings.Contains(reply.Out.String(), "README.md has") {
		t.Errorf("the reply: exit code %d\n%s%s", code, reply.Out.String(), reply.Err.String())
	}
	happened(unclear, "run_requested", 2)
	happened(unclear, "delivery_requested", 2)
	f.Clean()
}
