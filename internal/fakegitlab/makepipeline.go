package fakegitlab

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/duolog/duolog/internal/fakegitlab/ci"
	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

const ciFile = ".gitlab-ci.yml"

// pipelineDraft is a pipeline that somebody, or a push, asks for.
type pipelineDraft struct {
	project   int64
	ref       string
	source    string
	user      int64
	variables []instance.Pair
}

// makePipeline reads the CI file of a ref and queues its jobs. What is wrong
// with the file refuses the pipeline, and nothing is left of it.
func (s *Server) makePipeline(ctx context.Context, d pipelineDraft) (*instance.Pipeline, error) {
	found, err := s.repos.File(ctx, d.project, d.ref, ciFile)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound) && found.Commit.SHA == "":
		return nil, base("Reference not found")
	case errors.Is(err, gitrepo.ErrNotFound):
		return nil, base("Missing CI config file")
	case err != nil:
		return nil, err
	}
	file, err := ci.Parse(found.Body)
	if err != nil {
		return nil, base(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.state.Projects[d.project]
	if p == nil {
		return nil, notFound("Project")
	}
	now := s.now()
	made := &instance.Pipeline{
		Project: p.ID, Status: instance.Created, Source: d.source, Ref: d.ref, SHA: found.Commit.SHA, Title: found.Commit.Title(),
		User: d.user, Variables: d.variables, Stages: file.Stages, CreatedAt: now, UpdatedAt: now,
	}
	jobs, err := s.choose(made, file)
	if err != nil {
		return nil, err
	}
	s.admit(made, jobs)
	return made, nil
}

// choose names a pipeline and picks the jobs that its rules let in.
func (s *Server) choose(p *instance.Pipeline, file ci.File) ([]ci.Job, error) {
	env := ci.Environment(s.pipelineVariables(p), file.Variables, s.projectVariables(p, ""), pairs(p.Variables))
	if !ci.Chosen(file.Rules, env) {
		return nil, base("Pipeline filtered out by workflow rules.")
	}
	p.Name = ci.Expand(file.Name, env)
	var jobs []ci.Job
	for _, j := range file.Jobs {
		own := ci.Environment(s.pipelineVariables(p), file.Variables, j.Variables, s.projectVariables(p, ""), pairs(p.Variables))
		if ci.Chosen(j.Rules, own) && j.When != "never" {
			j.Variables = append(slices.Clip(file.Variables), j.Variables...)
			jobs = append(jobs, j)
		}
	}
	if len(jobs) == 0 {
		return nil, base("Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.")
	}
	return jobs, nil
}

// maxPipelines bounds what is kept; the oldest that have ended go.
const maxPipelines = 10_000

// admit gives a pipeline and its jobs their numbers and lets them begin.
func (s *Server) admit(p *instance.Pipeline, jobs []ci.Job) {
	if len(s.state.Pipelines) >= maxPipelines {
		for _, old := range instance.Sorted(s.state.Pipelines) {
			if instance.Done(old.Status) {
				s.removePipeline(old)
				break
			}
		}
	}
	p.ID = s.state.Next("pipeline")
	p.IID = s.state.Next("pipeline of " + number(p.Project))
	s.state.Pipelines[p.ID] = p
	for _, j := range jobs {
		one := &instance.Job{
			ID: s.state.Next("job"), Pipeline: p.ID, Project: p.Project, Name: j.Name, Stage: j.Stage, Status: instance.Created, Tags: j.Tags, Image: j.Image,
			Environment: j.Environment, Script: j.Script, After: j.After, Timeout: j.Timeout, AllowFail: j.AllowFail, User: p.User, CreatedAt: p.CreatedAt,
		}
		for _, v := range j.Variables {
			one.Variables = append(one.Variables, instance.Pair{Key: v.Key, Value: v.Value, Raw: v.Raw})
		}
		s.state.Jobs[one.ID] = one
		p.Jobs = append(p.Jobs, one.ID)
	}
	s.advance(p)
}

// pushed starts the pipeline of a push, where the branch has a CI file that
// wants one.
func (s *Server) pushed(ctx context.Context, project int64, branch string, head gitrepo.Commit, user int64) error {
	s.mu.Lock()
	if p := s.state.Projects[project]; p != nil {
		p.Empty, p.UpdatedAt = false, s.now()
		s.touched()
	}
	s.mu.Unlock()
	if strings.Contains(head.Message, "[skip ci]") || strings.Contains(head.Message, "[ci skip]") {
		return nil
	}
	_, err := s.makePipeline(ctx, pipelineDraft{project: project, ref: branch, source: "push", user: user})
	var refused *refusal
	if errors.As(err, &refused) && refused.status < http.StatusInternalServerError {
		return nil // no CI file, or one that wants no pipeline: the push stands
	}
	return err
}

// again puts a new job in the place of one that ended.
func (s *Server) again(p *instance.Pipeline, j *instance.Job, user int64) *instance.Job {
	next := *j
	next.ID, next.User, next.CreatedAt, next.Status = s.state.Next("job"), user, s.now(), instance.Created
	next.Reason, next.Runner, next.QueuedAt, next.StartedAt, next.FinishedAt = "", 0, nil, nil, nil
	j.Retried = true
	s.state.Jobs[next.ID] = &next
	for i, id := range p.Jobs {
		if id == j.ID {
			p.Jobs = append(p.Jobs[:i+1:i+1], append([]int64{next.ID}, p.Jobs[i+1:]...)...)
			break
		}
	}
	return &next
}
