package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
	"github.com/duolog/duolog/internal/fakegitlab"
)

const (
	ciToken = "a-token-of-the-engine"
	// ciRate is how many messages come each second: each is a commit of git and two
	// processes, on the processors of the product.
	ciRate = 2
	// ciTrips is how many log round trips lie between a message and its job: command,
	// conversation, event, workflow, attempt.
	ciTrips = 5
	// ciAnswer is how long an answer may take, in milliseconds.
	ciAnswer = 5000
)

// ci measures from a message to the start of its CI job, and to its answer by the demo
// agent, on a GitLab whose runner runs jobs as processes of this machine.
func (b *bench) ci(ctx context.Context) ([]report.Result, error) {
	started := filepath.Join(b.lab.Dir, "ci-started")
	binary, err := b.lab.Binary(ctx, nil)
	if err == nil {
		err = os.MkdirAll(started, 0o750)
	}
	if err != nil {
		return nil, err
	}
	forge, environment, err := b.gitlab(started, binary)
	if err != nil {
		return nil, err
	}
	defer forge.Close()
	return b.onNode(ctx, lab.FleetConfig{Engine: "gitlab", Environment: environment}, func(f *lab.Fleet, client load.Client, steps *bareSteps) ([]report.Result, error) {
		return b.jobs(ctx, f, client, steps, jobsOf{forge.URL(), started})
	})
}

// jobsOf is a GitLab by its address, and where its jobs note that they began.
type jobsOf struct{ url, started string }

// jobs compares the way to a job, and to its answer, with the bare calls.
func (b *bench) jobs(ctx context.Context, f *lab.Fleet, client load.Client, steps *bareSteps, of jobsOf) ([]report.Result, error) {
	calls, err := newForgeCalls(of.url)
	if err != nil {
		return nil, err
	}
	row := report.Result{
		Better: report.Lower, Unit: "ms", Goal: 3, ID: "P14", What: fmt.Sprintf("p50 from POST of a message to its CI job, %d/s", ciRate),
		Baseline: "p50 of the engine's own calls of that GitLab, one after the other, + five raw produces + five raw INSERTs, 2 KB each",
	}
	answer := row
	answer.ID, answer.Goal, answer.What = "P14-answer", 0, fmt.Sprintf("p50 from POST of a message to the delivered answer of the demo agent (goal: within %d ms), %d/s", ciAnswer, ciRate)
	return b.compare(ctx, f.Database, []comparison{{name: "P14", length: b.open, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
		bare, err := steps.measure(ctx, triggerRate, length, ciTrips)
		if err != nil {
			return bare, err
		}
		called, err := b.looped(ctx, length, calls.start)
		return sample{value: bare.value + called.value, p99: bare.p99 + called.p99}, err
	}, figures: []figure{
		{row: row, p99: true, measure: b.asked("job", client, func(ctx context.Context, goal string, _ sentMessage) error {
			return awaitFile(ctx, filepath.Join(of.started, goal))
		}, f)},
		{row: answer, p99: true, measure: b.asked("answer", client, func(ctx context.Context, _ string, m sentMessage) error {
			return awaitAnswer(ctx, client, m)
		}, f)},
	}}})
}

// gitlab is a GitLab with one project, and how nodes find it.
func (b *bench) gitlab(started, binary string) (*fakegitlab.Server, []string, error) {
	forge, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: filepath.Join(b.lab.Dir, "gitlab"), Runners: 4, Now: b.now,
		Seed: fakegitlab.Seed{
			Users:    []fakegitlab.SeedUser{{Username: "engine", Token: ciToken, Admin: true}},
			Groups:   []fakegitlab.SeedGroup{{Path: "bench"}},
			Projects: []fakegitlab.SeedProject{{Path: lab.Project, Files: map[string]string{"README.md": "# Bench\n"}}},
		},
	})
	if err != nil {
		return nil, nil, err
	}
	token := filepath.Join(b.lab.Dir, "gitlab-token")
	if err := os.WriteFile(token, []byte(ciToken+"\n"), 0o600); err != nil {
		forge.Close()
		return nil, nil, fmt.Errorf("write the token of GitLab: %w", err)
	}
	return forge, []string{
		"DUOLOG_GITLAB_URL=" + forge.URL(), "DUOLOG_GITLAB_TOKEN_FILE=" + token, "DUOLOG_GITLAB_HOOK_SECRET_FILE=" + token,
		`DUOLOG_GITLAB_SCRIPT=: >"` + started + `/$DUO_WORKFLOW_GOAL"; exec ` + binary + " demo-agent",
	}, nil
}

// forgeCalls are the calls that the engine makes for one run.
type forgeCalls struct{ client *gl.Client }

func newForgeCalls(url string) (*forgeCalls, error) {
	client, err := gl.NewClient(ciToken, gl.WithBaseURL(url))
	return &forgeCalls{client}, err
}

// start makes them, for a branch whose file wants no pipeline.
func (f *forgeCalls) start(ctx context.Context, _ int) error {
	id := uuid.NewString()
	scope, yes := "bench/"+id, true
	_, _, err := f.client.ProjectVariables.CreateVariable(lab.Project, &gl.CreateProjectVariableOptions{
		Key: new("BENCH_TOKEN"), Value: &id, EnvironmentScope: &scope, Masked: &yes, Raw: &yes,
	}, gl.WithContext(ctx))
	if err != nil {
		return err
	}
	p, _, err := f.client.Projects.GetProject(lab.Project, nil, gl.WithContext(ctx))
	if err != nil {
		return err
	}
	_, _, err = f.client.Commits.CreateCommit(lab.Project, &gl.CreateCommitOptions{
		Branch: new("bare/" + id), StartBranch: &p.DefaultBranch, CommitMessage: new("Run [skip ci]"),
		Actions: []*gl.CommitActionOptions{{Action: new(gl.FileCreate), FilePath: new("run.yml"), Content: &id}},
	}, gl.WithContext(ctx))
	if err != nil {
		return err
	}
	_, _, err = f.client.Pipelines.ListProjectPipelines(lab.Project, &gl.ListProjectPipelinesOptions{Ref: new("bare/" + id)}, gl.WithContext(ctx))
	return err
}

// sentMessage is what the API says of a message that it took.
type sentMessage struct {
	Conversation uuid.UUID `json:"conversation_id"`
	ID           string    `json:"message_id"`
}

// asked sends messages, each with a goal of its own, and waits until it has come to
// what is measured.
func (b *bench) asked(kind string, client load.Client, until func(ctx context.Context, goal string, m sentMessage) error, f *lab.Fleet) measure {
	round := 0
	return func(ctx context.Context, length time.Duration) (sample, error) {
		round++
		s, err := b.offered(ctx, ciRate, length, func(ctx context.Context, i int) error {
			ctx, cancel := context.WithTimeout(ctx, startTimeout)
			defer cancel()
			goal := fmt.Sprintf("%s-%d-%d", kind, round, i)
			body, err := client.Post(ctx, "/v1/messages", fmt.Appendf(nil, `{"text":%q}`, goal), http.StatusAccepted)
			if err != nil {
				return err
			}
			var m sentMessage
			if err := json.Unmarshal(body, &m); err != nil {
				return fmt.Errorf("read what was said of the message: %w", err)
			}
			return until(ctx, goal, m)
		})
		return s, errors.Join(err, f.Quiet(ctx))
	}
}

// awaitFile returns when a file is there.
func awaitFile(ctx context.Context, path string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s did not start: %w", filepath.Base(path), ctx.Err())
		}
	}
}

// awaitAnswer returns when the answer of a message was delivered. What is not there
// yet is asked for again.
func awaitAnswer(ctx context.Context, client load.Client, m sentMessage) error {
	var conversation struct {
		Workflow *uuid.UUID `json:"workflow"`
	}
	for conversation.Workflow == nil {
		if err := read(ctx, client, "/v1/conversations/"+m.Conversation.String()+"?wait=5&message_id="+m.ID, &conversation); err != nil {
			return err
		}
	}
	for after := ""; ; {
		var page struct {
			Next   string `json:"next"`
			Events []struct {
				Type string `json:"type"`
			} `json:"events"`
		}
		if err := read(ctx, client, load.WorkflowsPath+"/"+conversation.Workflow.String()+"/timeline?wait=5"+after, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			if e.Type == "workflow.delivered" {
				return nil
			}
		}
		if page.Next != "" {
			after = "&after=" + url.QueryEscape(page.Next)
		}
	}
}

// read reads what is there; only the end of ctx is an error.
func read(ctx context.Context, client load.Client, path string, into any) error {
	body, err := client.Get(ctx, path)
	if err != nil {
		return ctx.Err()
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
