package fakegitlab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

type jobWire struct {
	ID             int64          `json:"id"`
	Status         string         `json:"status"`
	Stage          string         `json:"stage"`
	Name           string         `json:"name"`
	Ref            string         `json:"ref"`
	Tag            bool           `json:"tag"`
	Coverage       *float64       `json:"coverage"`
	AllowFailure   bool           `json:"allow_failure"`
	CreatedAt      time.Time      `json:"created_at"`
	StartedAt      *time.Time     `json:"started_at"`
	FinishedAt     *time.Time     `json:"finished_at"`
	ErasedAt       *time.Time     `json:"erased_at"`
	Duration       *float64       `json:"duration"`
	QueuedDuration *float64       `json:"queued_duration"`
	FailureReason  string         `json:"failure_reason,omitempty"`
	TagList        []string       `json:"tag_list"`
	WebURL         string         `json:"web_url"`
	User           *basicUser     `json:"user"`
	Pipeline       map[string]any `json:"pipeline"`
	Runner         map[string]any `json:"runner"`
	Artifacts      []any          `json:"artifacts"`
}

func (s *Server) jobWire(j *instance.Job) jobWire {
	p := s.state.Pipelines[j.Pipeline]
	out := jobWire{
		ID: j.ID, Status: j.Status, Stage: j.Stage, Name: j.Name, Ref: p.Ref, AllowFailure: j.AllowFail, CreatedAt: j.CreatedAt, StartedAt: j.StartedAt,
		FinishedAt: j.FinishedAt, Duration: seconds(j.StartedAt, j.FinishedAt), QueuedDuration: seconds(j.QueuedAt, j.StartedAt), FailureReason: j.Reason,
		TagList: append([]string{}, j.Tags...), WebURL: s.projectURL(j.Project) + "/-/jobs/" + number(j.ID), User: s.basicUser(s.user(j.User)), Artifacts: []any{},
		Pipeline: map[string]any{"id": p.ID, "iid": p.IID, "project_id": p.Project, "ref": p.Ref, "sha": p.SHA, "status": p.Status},
	}
	if j.Runner > 0 {
		out.Runner = s.runnerWire(j.Runner)
	}
	return out
}

func (*Server) runnerWire(n int) map[string]any {
	return map[string]any{"id": n, "description": fmt.Sprintf("fake runner %d", n), "active": true, "is_shared": true, "runner_type": "instance_type", "name": "gitlab-runner"}
}

func seconds(from, to *time.Time) *float64 {
	if from == nil || to == nil {
		return nil
	}
	d := to.Sub(*from).Seconds()
	return &d
}

// job is the job of the path, for someone with a level.
func (c *call) job(need int) (*instance.Job, error) {
	p, err := c.project(need)
	if err != nil {
		return nil, err
	}
	j := c.s.state.Jobs[c.id("job")]
	if j == nil || j.Project != p.ID {
		return nil, refuse(http.StatusNotFound, "404 Not found")
	}
	return j, nil
}

func pipelineJobs(c *call) (any, error) {
	p, err := c.pipeline(instance.Reporter)
	if err != nil {
		return nil, err
	}
	return c.jobs(c.s.state.JobsOf(p, c.flag("include_retried", false))), nil
}

func listJobs(c *call) (any, error) {
	p, err := c.project(instance.Reporter)
	if err != nil {
		return nil, err
	}
	jobs := slices.DeleteFunc(instance.Sorted(c.s.state.Jobs), func(j *instance.Job) bool { return j.Project != p.ID })
	slices.Reverse(jobs)
	return c.jobs(jobs), nil
}

func (c *call) jobs(all []*instance.Job) any {
	if scope := c.list("scope"); len(scope) > 0 {
		all = slices.DeleteFunc(all, func(j *instance.Job) bool { return !slices.Contains(scope, j.Status) })
	}
	return wires(page(c, all), c.s.jobWire)
}

func getJob(c *call) (any, error) {
	j, err := c.job(instance.Reporter)
	if err != nil {
		return nil, err
	}
	return c.s.jobWire(j), nil
}

func (s *Server) traceFile(job int64) string {
	return filepath.Join(s.cfg.StateDir, "traces", number(job)+".log")
}

func jobTrace(c *call) (any, error) {
	j, err := c.job(instance.Reporter)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(c.s.traceFile(j.ID))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the trace of job %d: %w", j.ID, err)
	}
	return raw(text), nil
}

func cancelJob(c *call) (any, error) {
	j, err := c.job(instance.Developer)
	if err != nil {
		return nil, err
	}
	c.s.cancelJob(j)
	c.s.advance(c.s.state.Pipelines[j.Pipeline])
	c.created()
	return c.s.jobWire(j), nil
}

func retryJob(c *call) (any, error) {
	j, err := c.job(instance.Developer)
	if err != nil {
		return nil, err
	}
	if !instance.Done(j.Status) || j.Status == instance.Skipped || j.Retried {
		return nil, refuse(http.StatusForbidden, "403 Forbidden - Job is not retryable")
	}
	p := c.s.state.Pipelines[j.Pipeline]
	next := c.s.again(p, j, c.actor.user.ID)
	c.s.advance(p)
	c.created()
	return c.s.jobWire(next), nil
}
