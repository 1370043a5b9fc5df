package fakegitlab_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
)

// tokens of the company below.
const (
	rootToken = "glpat-root"
	devToken  = "glpat-dana"
)

// company is what the tests begin with: dana develops in acme, guy is no
// member of anything.
func company() fakegitlab.Seed {
	return fakegitlab.Seed{
		Users: []fakegitlab.SeedUser{
			{Username: "root", Admin: true, Token: rootToken},
			{Username: "dana", Name: "Dana Developer", Token: devToken},
			{Username: "guy", Token: "glpat-guy"},
			{Username: "olga", Token: "glpat-olga"},
		},
		Groups: []fakegitlab.SeedGroup{
			{Path: "acme", Members: map[string]int{"dana": 30, "olga": 50}, ServiceAccounts: []fakegitlab.SeedUser{{Username: "duo-developer-acme", Token: "glpat-duo"}}},
			{Path: "acme/tools"},
		},
		Projects: []fakegitlab.SeedProject{{Path: "acme/tools/site", Files: map[string]string{"README.md": "# Site\n"}}},
	}
}

// start starts a GitLab for a test.
func start(t *testing.T, change func(*fakegitlab.Config)) *fakegitlab.Server {
	t.Helper()
	cfg := fakegitlab.Config{StateDir: t.TempDir(), Runners: 2, Now: time.Now, Seed: company(), Grace: 200 * time.Millisecond, HookBackoff: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	s, err := fakegitlab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// clock is a time that goes on when the test says so.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// client is the official client, with a token.
func client(t *testing.T, s *fakegitlab.Server, token string) *gitlab.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := gitlab.NewClient(token, gitlab.WithBaseURL(s.URL()), gitlab.WithHTTPClient(&http.Client{Transport: transport}), gitlab.WithCustomRetryMax(0))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must fails the test where a call of the client failed.
func must[T any](t *testing.T) func(T, *gitlab.Response, error) T {
	t.Helper()
	return func(value T, _ *gitlab.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// status is the HTTP status of an answer.
func status(r *gitlab.Response) int {
	if r == nil {
		return 0
	}
	return r.StatusCode
}

// pipelineDone waits until a pipeline has ended.
func pipelineDone(t *testing.T, c *gitlab.Client, project, pipeline int64) *gitlab.Pipeline {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		p := must[*gitlab.Pipeline](t)(c.Pipelines.GetPipeline(project, pipeline))
		switch p.Status {
		case "success", "failed", "canceled", "skipped":
			return p
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("pipeline %d is still %s", pipeline, p.Status)
		}
	}
}
