package fakegitlab_test

import (
	"io"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const ciText = `
workflow:
  name: run $RUN
  rules:
    - if: $CI_PIPELINE_SOURCE == "api"
variables:
  GIT_STRATEGY: none
  FROM: file
build:
  stage: build
  tags: [gitlab--duo]
  variables:
    OWN: job of $FROM
    RAW: {value: "$FROM", expand: false}
  script:
    - echo "$CI_JOB_NAME/$OWN/$RAW/$FROM/$CI_PROJECT_PATH/$GITLAB_USER_LOGIN"
    - echo "secret $TOKEN"
    - ls -A
    - test -z "$UNKNOWN"
`

// TestPipelineRunsForReal commits a CI file, starts a pipeline with variables,
// and reads what its script printed.
func TestPipelineRunsForReal(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	p := must[*gitlab.Project](t)(c.Projects.GetProject("acme/tools/site", nil))
	olga := client(t, s, "glpat-olga")
	must[*gitlab.ProjectVariable](t)(olga.ProjectVariables.CreateVariable(p.ID, &gitlab.CreateProjectVariableOptions{
		Key: new("TOKEN"), Value: new("very-secret-token"), Masked: new(true), Raw: new(true),
	}))
	commit(t, c, p.ID, "workloads/1", ciText)
	made := must[*gitlab.Pipeline](t)(c.Pipelines.CreatePipeline(p.ID, &gitlab.CreatePipelineOptions{
		Ref: new("workloads/1"), Variables: &[]*gitlab.PipelineVariableOptions{{Key: new("RUN"), Value: new("42")}, {Key: new("FROM"), Value: new("api")}},
	}))
	if made.Source != "api" || made.Name != "run 42" || made.User.Username != "dana" {
		t.Fatalf("made %+v", made)
	}
	done := pipelineDone(t, c, p.ID, made.ID)
	jobs := must[[]*gitlab.Job](t)(c.Jobs.ListPipelineJobs(p.ID, made.ID, nil))
	trace := read(t, c, p.ID, jobs[0].ID)
	if done.Status != "success" || jobs[0].Status != "success" || jobs[0].Pipeline.ID != made.ID {
		t.Fatalf("pipeline %s, job %+v, trace:\n%s", done.Status, jobs[0], trace)
	}
	for _, want := range []string{"build/job of api/$FROM/api/acme/tools/site/dana", "secret [MASKED]", "Job succeeded"} {
		if !strings.Contains(trace, want) {
			t.Errorf("trace lacks %q:\n%s", want, trace)
		}
	}
	if strings.Contains(trace, "README.md") || strings.Contains(trace, "very-secret") {
		t.Errorf("trace has what it should not:\n%s", trace)
	}
	named := must[[]*gitlab.PipelineInfo](t)(c.Pipelines.ListProjectPipelines(p.ID, &gitlab.ListProjectPipelinesOptions{Name: new("run 42"), Ref: new("workloads/1")}))
	if len(named) != 1 || named[0].ID != made.ID {
		t.Errorf("listed by name: %+v", named)
	}
	vars := must[[]*gitlab.PipelineVariable](t)(c.Pipelines.GetPipelineVariables(p.ID, made.ID))
	if len(vars) != 2 || vars[0].Key != "RUN" || vars[0].Value != "42" {
		t.Errorf("variables %+v", vars)
	}
}

// commit puts a CI file on a new branch.
func commit(t *testing.T, c *gitlab.Client, project int64, branch, text string) *gitlab.Commit {
	t.Helper()
	return must[*gitlab.Commit](t)(c.Commits.CreateCommit(project, &gitlab.CreateCommitOptions{
		Branch: &branch, StartBranch: new("main"), CommitMessage: new("Run"),
		Actions: []*gitlab.CommitActionOptions{{Action: new(gitlab.FileCreate), FilePath: new(".gitlab-ci.yml"), Content: &text}},
	}))
}

func read(t *testing.T, c *gitlab.Client, project, job int64) string {
	t.Helper()
	r, _, err := c.Jobs.GetTraceFile(project, job)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
