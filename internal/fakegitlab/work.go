package fakegitlab

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/ci"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
	"github.com/duolog/duolog/internal/fakegitlab/runner"
)

// worker is a runner: it takes one job after another until the server closes.
func (s *Server) worker(id int) {
	for {
		order, job := s.take(id)
		if job == 0 {
			return
		}
		ctx, cancel := context.WithCancel(s.ctx)
		s.mu.Lock()
		s.running[job] = cancel
		if j := s.state.Jobs[job]; j == nil || j.Status != instance.Running {
			cancel() // canceled or deleted between take and here
		}
		s.mu.Unlock()
		outcome := s.execute(ctx, order, job)
		cancel()
		s.finish(job, outcome)
	}
}

// take waits for a job and makes it a runner's; 0 where the server closes.
func (s *Server) take(id int) (runner.Order, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		if j := s.next(); j != nil {
			now := s.now()
			j.Status, j.Runner, j.StartedAt = instance.Running, id, &now
			order := s.order(j)
			s.advance(s.state.Pipelines[j.Pipeline])
			return order, j.ID
		}
		s.changed.Wait()
	}
	return runner.Order{}, 0
}

// next is the oldest job that a runner may take.
func (s *Server) next() *instance.Job {
	if s.faults.NoRunner() {
		return nil
	}
	for _, j := range instance.Sorted(s.state.Jobs) {
		if j.Status == instance.Pending && s.fits(j) {
			return j
		}
	}
	return nil
}

func (s *Server) fits(j *instance.Job) bool {
	return !slices.ContainsFunc(j.Tags, func(tag string) bool { return !slices.Contains(s.cfg.Tags, tag) })
}

// order is all that a runner has to know of a job.
func (s *Server) order(j *instance.Job) runner.Order {
	p := s.state.Pipelines[j.Pipeline]
	now := s.now()
	token := s.state.AddToken(instance.Token{Value: newToken("glcbt-"), User: j.User, Job: j.ID}, now).Value
	o := runner.Order{
		Dir: filepath.Join(s.cfg.StateDir, "builds", number(j.ID)), Script: j.Script, After: j.After, Masked: []string{token},
		Timeout: j.Timeout, Grace: s.cfg.Grace, SHA: p.SHA, Files: map[string]string{},
	}
	o.Env = ci.Environment(
		s.pipelineVariables(p), s.jobVariables(j, token, o.ProjectDir()), pairs(j.Variables),
		s.projectVariables(p, j.Environment), pairs(p.Variables),
	)
	for _, v := range s.reaching(p, j.Environment) {
		if v.Masked {
			o.Masked = append(o.Masked, v.Value)
		}
		if v.Type == "file" {
			o.Files[v.Key] = o.Env[v.Key]
		}
	}
	for _, v := range p.Variables {
		delete(o.Files, v.Key)
		if v.File {
			o.Files[v.Key] = o.Env[v.Key]
		}
	}
	o.Origin, o.Depth = o.Env["CI_REPOSITORY_URL"], o.Env["GIT_DEPTH"]
	if strategy := o.Env["GIT_STRATEGY"]; strategy != "none" && strategy != "empty" {
		o.Repository = s.repos.Path(j.Project)
	}
	return o
}

// execute runs a job with its trace, or loses it where a fault says so.
func (s *Server) execute(ctx context.Context, o runner.Order, job int64) string {
	if rule, met := s.faults.Lost(); met {
		pause(ctx, time.Duration(rule.DelayMS)*time.Millisecond)
		if ctx.Err() != nil {
			return runner.Canceled
		}
		return cmp.Or(rule.Reason, runner.Broken)
	}
	trace := io.Discard
	file, err := os.OpenFile(s.traceFile(job), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "fake GitLab: no trace", slog.Int64("job", job), slog.Any("error", err))
	} else {
		trace = file
		defer file.Close() //nolint:errcheck // written unbuffered
	}
	return runner.Run(ctx, o, trace)
}

// finish writes down how a job ended. One that the server's end stopped stays
// running in the snapshot: at the next start its runner is lost.
func (s *Server) finish(job int64, outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, job)
	s.revokeJobToken(job)
	j := s.state.Jobs[job]
	if j == nil || s.closed && outcome == runner.Canceled {
		return
	}
	switch outcome {
	case runner.Succeeded:
		s.ended(j, instance.Success, "")
	case runner.Failed:
		s.ended(j, instance.Failed, instance.ScriptFailure)
	case runner.TimedOut:
		s.ended(j, instance.Failed, instance.JobExecutionTimeout)
	case runner.Canceled:
		s.ended(j, instance.Canceled, "")
	case instance.StuckOrTimeout:
		s.ended(j, instance.Failed, instance.StuckOrTimeout)
	default:
		s.ended(j, instance.Failed, instance.RunnerSystemFailure)
	}
	s.advance(s.state.Pipelines[j.Pipeline])
}

// ended sets a job's last status. Whoever canceled it in its last moment is
// heard.
func (s *Server) ended(j *instance.Job, status, reason string) {
	if j.Status == instance.Canceling {
		status, reason = instance.Canceled, ""
	}
	now := s.now()
	j.Status, j.Reason, j.FinishedAt = status, reason, &now
}

func (s *Server) revokeJobToken(job int64) {
	for id, t := range s.state.Tokens {
		if t.Job == job {
			delete(s.state.Tokens, id)
		}
	}
}

// cancelJob ends a job: at once where it has not begun, else when its processes
// are gone.
func (s *Server) cancelJob(j *instance.Job) {
	switch j.Status {
	case instance.Created, instance.Pending:
		s.ended(j, instance.Canceled, "")
	case instance.Running:
		j.Status = instance.Canceling
		s.stop(j)
	}
}

// stop ends the processes of a job, if it has any.
func (s *Server) stop(j *instance.Job) {
	if cancel := s.running[j.ID]; cancel != nil {
		cancel()
	}
}

// advance lets a pipeline follow its jobs and tells hooks of it. The lock is
// held.
func (s *Server) advance(p *instance.Pipeline) {
	s.state.Advance(p, s.now())
	s.tellPipeline(p)
	s.touched()
}
