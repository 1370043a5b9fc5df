package gitlab_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/engine/gitlab"
	"github.com/duolog/duolog/internal/fakegitlab"
)

const (
	project  = "acme/duo-workspace"
	botToken = "glpat-engine"
	// account acts in runs for people, with what it proves itself with.
	account       = "duo-developer"
	accountSecret = "glpat-account"
)

// rig is an engine on a GitLab with a real runner.
type rig struct {
	*gitlab.Engine

	t      *testing.T
	client *gl.Client
	url    string
	cfg    gitlab.Config
	// told is what the engine logged.
	told strings.Builder
	// ahead is how far the engine's clock is before everybody else's.
	ahead atomic.Int64
}

func newRig(t *testing.T, runners int, script ...string) *rig {
	t.Helper()
	s, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: t.TempDir(), Runners: runners, Now: time.Now, Grace: time.Second,
		Seed: fakegitlab.Seed{
			Users: []fakegitlab.SeedUser{{Username: "engine", Token: botToken}, {Username: "mia"}, {Username: "bo", Blocked: true}},
			Groups: []fakegitlab.SeedGroup{{
				Path: "acme", Members: map[string]int{"engine": 50, "mia": 30},
				ServiceAccounts: []fakegitlab.SeedUser{{Username: account, Token: accountSecret}},
			}},
			Projects: []fakegitlab.SeedProject{{Path: project, Members: map[string]int{account: 30}, Files: map[string]string{"README.md": "# Agents\n"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r := &rig{t: t, url: s.URL()}
	r.client, err = gl.NewClient(botToken, gl.WithBaseURL(s.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithInterceptor(gitlab.NoPages), gl.WithCustomRetryMax(0))
	if err != nil {
		t.Fatal(err)
	}
	r.cfg = gitlab.Config{
		Client: r.client, Script: script, Logger: slog.New(slog.NewTextHandler(&r.told, nil)),
		Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	}
	r.anew(func(*gitlab.Config) {})
	return r
}

// anew makes the engine with another configuration.
func (r *rig) anew(change func(*gitlab.Config)) {
	r.t.Helper()
	change(&r.cfg)
	var err error
	if r.Engine, err = gitlab.New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

// order is a run that nothing was started for.
func order() engine.Start {
	return engine.Start{
		Tenant: "acme", Workflow: uuid.Must(uuid.NewV7()), Number: 1003, RunID: uuid.New(), Epoch: 1, Mode: engine.ModeStart, Project: project,
		User: "mia", ServiceAccount: account,
		Env: map[string]string{
			"DUO_WORKFLOW_WORKFLOW_ID": "1003", "DUO_WORKFLOW_GOAL": `pay $HOME "two" and $(three)`, "DUO_WORKFLOW_DEFINITION": "developer/v1",
			"DUOLOG_TOKEN": "run-token-0123456789", "GITLAB_TOKEN": "run-token-0123456789",
		},
	}
}

func runOf(s engine.Start) engine.Run {
	return engine.Run{Tenant: s.Tenant, Workflow: s.Workflow, ID: s.RunID, Epoch: s.Epoch, ServiceAccount: s.ServiceAccount, Project: s.Project}
}

func (r *rig) start(s engine.Start) engine.Workload {
	r.t.Helper()
	w, err := r.Start(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// ends waits for the end of a run.
func (r *rig) ends(s engine.Start) engine.Finished {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		end, err := r.Ended(r.t.Context(), runOf(s))
		if err != nil {
			r.t.Fatal(err)
		}
		if end != nil {
			return *end
		}
		<-tick.C
	}
}

// running waits until the script of a run says so in its log.
func (r *rig) running(s engine.Start, said string) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(r.log(s), said) {
		<-tick.C
	}
}

// pipelineIs waits until the pipeline of a run is in a status.
func (r *rig) pipelineIs(s engine.Start, status string) int64 {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if p := r.pipelines(s); len(p) > 0 && p[0].Status == status {
			return p[0].ID
		}
		<-tick.C
	}
}

// counts lets the engine's own client tell of its requests.
func (r *rig) counts(tell func(*http.Request)) {
	r.t.Helper()
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	client, err := gl.NewClient(botToken, gl.WithBaseURL(r.url), gl.WithHTTPClient(&http.Client{Transport: telling{transport, tell}}), gl.WithCustomRetryMax(0))
	if err != nil {
		r.t.Fatal(err)
	}
	r.anew(func(c *gitlab.Config) { c.Client = client })
}

type telling struct {
	http.RoundTripper

	tell func(*http.Request)
}

func (t telling) RoundTrip(r *http.Request) (*http.Response, error) {
	t.tell(r)
	return t.RoundTripper.RoundTrip(r)
}

// log is what the job of a run has written.
func (r *rig) log(s engine.Start) string {
	r.t.Helper()
	var out strings.Builder
	for _, p := range r.pipelines(s) {
		jobs, _, err := r.client.Jobs.ListPipelineJobs(project, p.ID, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, j := range jobs {
			if trace, _, err := r.client.Jobs.GetTraceFile(project, j.ID); err == nil {
				_, _ = trace.WriteTo(&out)
			}
		}
	}
	return out.String()
}

func (r *rig) pipelines(s engine.Start) []*gl.PipelineInfo {
	r.t.Helper()
	ref := fmt.Sprintf("workloads/%s/%s/%s", s.Tenant, s.Workflow, s.RunID)
	list, _, err := r.client.Pipelines.ListProjectPipelines(project, &gl.ListProjectPipelinesOptions{Ref: &ref})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// clean fails the test if runs left branches or secrets in the project.
func (r *rig) clean() {
	r.t.Helper()
	branches, _, err := r.client.Branches.ListBranches(project, nil)
	if err != nil || len(branches) != 1 {
		r.t.Errorf("%d branches are left, %v", len(branches), err)
	}
	variables, _, err := r.client.ProjectVariables.ListVariables(project, nil)
	if err != nil || len(variables) != 0 {
		r.t.Errorf("%d variables are left, %v", len(variables), err)
	}
}
