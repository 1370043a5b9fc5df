package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
	"github.com/duolog/duolog/internal/fleettest"
)

const (
	ciProject = "acme/duo-workspace"
	ciToken   = "glpat-engine-0123456789"
	ciSecret  = "a-secret-of-the-hook"
)

// forge is a GitLab whose runner runs the agents of a fleet.
type forge struct {
	*fakegitlab.Server

	client *gl.Client
}

func newForge(t *testing.T, f *fleettest.Fleet) *forge {
	t.Helper()
	s, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: t.TempDir(), Runners: 2, Now: time.Now, Grace: time.Second, HookBackoff: 50 * time.Millisecond, HookRetries: 8,
		Seed: fakegitlab.Seed{
			Users:    []fakegitlab.SeedUser{{Username: "engine", Token: ciToken, Admin: true}},
			Groups:   []fakegitlab.SeedGroup{{Path: "acme", Members: map[string]int{"engine": 50}}},
			Projects: []fakegitlab.SeedProject{{Path: ciProject, Files: map[string]string{"README.md": "# Agents\n"}}},
		},
	})
	fleettest.OK(t, err)
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	out := &forge{Server: s}
	out.client, err = gl.NewClient(ciToken, gl.WithBaseURL(s.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithCustomRetryMax(0))
	fleettest.OK(t, err)
	fleettest.Write(t, ciToken+"\n", f.Dir, "gitlab-token")
	fleettest.Write(t, ciSecret+"\n", f.Dir, "gitlab-hook")
	config, err := os.ReadFile(f.Config)
	fleettest.OK(t, err)
	script, err := json.Marshal(strings.Join(f.Agent.Program, " "))
	fleettest.OK(t, err)
	text := strings.Replace(string(config), "    service_account:", "    engine: gitlab\n    service_account:", 1) + fmt.Sprintf(
		"gitlab_url: %s\ngitlab_token_file: %s\ngitlab_hook_secret_file: %s\ngitlab_script: [%s]\n",
		s.URL(), filepath.Join(f.Dir, "gitlab-token"), filepath.Join(f.Dir, "gitlab-hook"), script)
	fleettest.OK(t, os.WriteFile(f.Config, []byte(text), 0o600))
	return out
}

// fails makes the next call of that kind fail.
func (f *forge) fails(t *testing.T, rule string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL()+"/_fake/faults", strings.NewReader(rule))
	fleettest.OK(t, err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	fleettest.OK(t, err)
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		t.Fatalf("no fault: %s", answer.Status)
	}
}

func (f *forge) pipelines(t *testing.T) int {
	t.Helper()
	list, _, err := f.client.Pipelines.ListProjectPipelines(ciProject, nil)
	fleettest.OK(t, err)
	return len(list)
}

// retryOver has the job of a run retried that is over, and waits for its end: nothing
// comes of it.
func (f *forge) retryOver(t *testing.T) {
	t.Helper()
	list, _, err := f.client.Pipelines.ListProjectPipelines(ciProject, nil)
	fleettest.OK(t, err)
	jobs, _, err := f.client.Jobs.ListPipelineJobs(ciProject, list[0].ID, nil)
	fleettest.OK(t, err)
	fleettest.Eventually(t, 30*time.Second, func() error {
		variables, _, err := f.client.ProjectVariables.ListVariables(ciProject, nil)
		if err == nil && len(variables) > 0 {
			err = fmt.Errorf("the end of the run was not seen")
		}
		return err
	})
	again, _, err := f.client.Jobs.RetryJob(ciProject, jobs[0].ID, nil)
	fleettest.OK(t, err)
	fleettest.Eventually(t, 30*time.Second, func() error {
		job, _, err := f.client.Jobs.GetJob(ciProject, again.ID)
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
	g := newForge(t, f)
	n.Start()
	f.Answered(t, f.Ask(n.Base, "what changed, asked of CI?"))
	if hooks, _, err := g.client.Projects.ListProjectHooks(ciProject, nil); err != nil || len(hooks) != 1 || hooks[0].URL != n.Base+"/v1/gitlab/hooks" {
		t.Errorf("the project has the hooks %+v, %v", hooks, err)
	}

	g.retryOver(t)
	g.fails(t, `{"method":"POST","path":"*/repository/commits","kind":"timeout_after_success","times":1}`)
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
		branches, _, err := g.client.Branches.ListBranches(ciProject, nil)
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
