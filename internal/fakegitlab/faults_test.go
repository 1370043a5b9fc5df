package fakegitlab_test

import (
	"encoding/json"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
)

// breaks sets a fault.
func breaks(t *testing.T, s *fakegitlab.Server, rule string) {
	t.Helper()
	if code, text := request(t, "POST", s.URL()+"/_fake/faults", "", rule); code != 201 {
		t.Fatalf("%s: %d %s", rule, code, text)
	}
}

func counts(t *testing.T, s *fakegitlab.Server) fakegitlab.Counts {
	t.Helper()
	_, text := request(t, "GET", s.URL()+"/_fake/state", "", "")
	var out fakegitlab.Counts
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// TestFaults: each kind does what it says, as often as it says.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	id := site(t, c)
	issue := func() (*gitlab.Response, error) {
		_, r, err := c.Issues.CreateIssue(id, &gitlab.CreateIssueOptions{Title: new("x")})
		return r, err
	}
	for name, f := range map[string]struct {
		rule string
		want func(*gitlab.Response, error) bool
		made int
	}{
		"429":                   {`{"method":"POST","path":"/api/v4/projects/*/issues","kind":"status","status":429,"retry_after":7,"times":1}`, func(r *gitlab.Response, _ error) bool { return status(r) == 429 && r.Header.Get("Retry-After") == "7" }, 0},
		"502":                   {`{"kind":"status","status":502,"times":1}`, func(r *gitlab.Response, _ error) bool { return status(r) == 502 }, 0},
		"timeout after success": {`{"path":"*/issues","kind":"timeout_after_success","times":1}`, func(r *gitlab.Response, err error) bool { return status(r) == 0 && err != nil }, 1},
		"slow":                  {`{"kind":"slow","delay_ms":1,"times":1}`, func(r *gitlab.Response, err error) bool { return status(r) == 201 && err == nil }, 1},
		"nonsense":              {`{"kind":"nonsense","times":1}`, func(r *gitlab.Response, err error) bool { return status(r) == 200 && err != nil }, 0},
		"other requests":        {`{"method":"GET","kind":"status","status":500,"times":1}`, func(r *gitlab.Response, err error) bool { return status(r) == 201 && err == nil }, 1},
	} {
		before := counts(t, s).Issues
		breaks(t, s, f.rule)
		if r, err := issue(); !f.want(r, err) || counts(t, s).Issues != before+f.made {
			t.Errorf("%s: %d %v, made %d", name, status(r), err, counts(t, s).Issues-before)
		}
		if name != "other requests" {
			if _, err := issue(); err != nil {
				t.Errorf("%s: the second time too: %v", name, err)
			}
		}
		if code, text := request(t, "DELETE", s.URL()+"/_fake/faults", "", ""); code != 204 {
			t.Errorf("deleted: %d %s", code, text)
		}
	}
	for _, bad := range []string{`{}`, `{"kind":"fire"}`, `{"kind":"status","status":200}`, `{"runner":"tired"}`, `{"kind":"slow","runner":"none"}`, `{"kind":"slow","delay_ms":-1}`, `{"kind":7}`} {
		if code, _ := request(t, "POST", s.URL()+"/_fake/faults", "", bad); code != 400 {
			t.Errorf("%s: %d", bad, code)
		}
	}
}

// TestRunnerFaults: without a runner jobs wait until there is one again; a lost
// job runs and fails with its reason, and its script never ran.
func TestRunnerFaults(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	id := site(t, c)
	breaks(t, s, `{"runner":"lost","times":1,"reason":"stuck_or_timeout_failure","delay_ms":1}`)
	breaks(t, s, `{"runner":"none"}`)
	p := run(t, c, id, "lost", "variables: {GIT_STRATEGY: none}\nx: {script: ['true']}")
	if _, list := request(t, "GET", s.URL()+"/_fake/faults", "", ""); !strings.Contains(list, `"runner":"none"`) {
		t.Errorf("listed %s", list)
	}
	olga := client(t, s, "glpat-olga")
	seen := must[[]*gitlab.Runner](t)(olga.Runners.ListProjectRunners(id, &gitlab.ListProjectRunnersOptions{TagList: &[]string{"gitlab--duo"}}))
	other := must[[]*gitlab.Runner](t)(olga.Runners.ListProjectRunners(id, &gitlab.ListProjectRunnersOptions{TagList: &[]string{"gpu"}}))
	if len(seen) != 2 || seen[0].Online || len(other) != 0 {
		t.Errorf("runners %+v, with another tag %d", seen, len(other))
	}
	if got := counts(t, s); got.ByStatus["pending"] != 1 || got.ByRef["lost"] != 1 || got.Running != 0 || got.Projects["site"] != 1 {
		t.Errorf("without a runner: %+v", got)
	}
	if code, _ := request(t, "DELETE", s.URL()+"/_fake/faults/2", "", ""); code != 204 {
		t.Fatal(code)
	}
	pipelineDone(t, c, id, p.ID)
	j := jobs(t, c, p)["x"]
	if j.FailureReason != "stuck_or_timeout_failure" || j.StartedAt == nil || read(t, c, id, j.ID) != "" {
		t.Errorf("lost: %+v", j)
	}
	again := must[*gitlab.Pipeline](t)(c.Pipelines.RetryPipelineBuild(id, p.ID))
	if done := pipelineDone(t, c, id, again.ID); done.Status != "success" {
		t.Errorf("again: %s", done.Status)
	}
	if r, err := c.Pipelines.DeletePipeline(id, p.ID); status(r) != 403 {
		t.Errorf("a developer deleted it: %v", err)
	}
	if _, err := olga.Pipelines.DeletePipeline(id, p.ID); err != nil || counts(t, s).Jobs != 0 {
		t.Errorf("deleted: %v, %+v", err, counts(t, s))
	}
}
