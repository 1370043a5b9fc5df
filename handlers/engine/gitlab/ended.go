package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
)

// logTail is how much of a job's log is kept.
const logTail = 4 << 10

// over says whether a pipeline in that status will do nothing more.
func over(status string) bool {
	switch status {
	case "success", "failed", "canceled", "skipped":
		return true
	}
	return false
}

// waits says whether nothing of a pipeline has begun.
func waits(status string) bool {
	switch status {
	case "created", "waiting_for_resource", "preparing", "pending", "manual", "scheduled":
		return true
	}
	return false
}

// Ended is how the run ended, nil as long as it goes on. What the run leaves in
// GitLab is removed first, so that a crash in between leaves nothing behind: the
// pipeline stays and says the same again.
func (e *Engine) Ended(ctx context.Context, r engine.Run) (*engine.Finished, error) {
	if r.Project == "" {
		return nil, nil //nolint:nilnil // it cannot have been started
	}
	p, err := e.pipeline(ctx, r)
	if err != nil {
		return nil, err
	}
	var end *engine.Finished
	switch {
	case p == nil:
		end, err = e.withoutPipeline(ctx, r)
	case over(p.Status):
		end, err = e.outcome(ctx, r, p)
	case waits(p.Status):
		end, err = e.waiting(ctx, r, p)
	}
	if err != nil || end == nil {
		return nil, err
	}
	err = e.clean(ctx, r)
	e.cfg.Point("gitlab.after_clean")
	return end, err
}

// withoutPipeline tells a pipeline that is about to be made from one that never
// will: a project without CI, or a branch that somebody deleted.
func (e *Engine) withoutPipeline(ctx context.Context, r engine.Run) (*engine.Finished, error) {
	b, err := e.branch(ctx, r)
	switch {
	case errors.Is(err, gl.ErrNotFound) && r.Workload != "":
		return end(r, engine.StatusFailed, engine.ReasonLost, "branch and pipeline of the run are gone from "+r.Project), nil
	case errors.Is(err, gl.ErrNotFound):
		return nil, nil //nolint:nilnil // it is being started
	case err != nil:
		return nil, fmt.Errorf("look for the branch of run %s: %w", r.ID, err)
	case b.Commit == nil || !e.tooLong(b.Commit.CommittedDate):
		return nil, nil //nolint:nilnil // GitLab is about to make it
	}
	return end(r, engine.StatusFailed, engine.ReasonNoRunner, fmt.Sprintf("GitLab made no pipeline within %s: see that CI/CD is on in %s", e.cfg.Pending, r.Project)), nil
}

func (e *Engine) tooLong(since *time.Time) bool {
	return since != nil && e.cfg.Now().Sub(*since) > e.cfg.Pending
}

// waiting ends a run that no runner takes.
func (e *Engine) waiting(ctx context.Context, r engine.Run, p *gl.PipelineInfo) (*engine.Finished, error) {
	if !e.tooLong(p.CreatedAt) {
		return nil, nil //nolint:nilnil // it may still be taken
	}
	if _, _, err := e.cfg.Client.Pipelines.CancelPipelineBuild(r.Project, p.ID, gl.WithContext(ctx)); err != nil {
		return nil, fmt.Errorf("cancel pipeline %d of %s: %w", p.ID, r.Project, err)
	}
	return end(r, engine.StatusFailed, engine.ReasonNoRunner,
		fmt.Sprintf("no runner with the tags %s took the job within %s", strings.Join(e.cfg.Tags, ", "), e.cfg.Pending)), nil
}

// outcome is how a pipeline that is over ended, and what its job used.
func (e *Engine) outcome(ctx context.Context, r engine.Run, p *gl.PipelineInfo) (*engine.Finished, error) {
	r.Workload = workloadOf(r, p).ID
	j, err := e.job(ctx, r, p)
	if err != nil {
		return nil, err
	}
	ended, err := e.howItEnded(ctx, r, p, j)
	if err == nil && j != nil {
		ended.Used = used(j)
	}
	return ended, err
}

func (e *Engine) howItEnded(ctx context.Context, r engine.Run, p *gl.PipelineInfo, j *gl.Job) (*engine.Finished, error) {
	switch {
	case p.Status == "success":
		return end(r, engine.StatusSuccess, "", ""), nil
	case p.Status == "canceled" || p.Status == "skipped":
		return e.canceled(r, p, j), nil
	case j == nil:
		return end(r, engine.StatusFailed, engine.ReasonStartFailed, "the pipeline has no job: see it in GitLab"), nil
	}
	tail, err := e.tail(ctx, r, j.ID)
	return end(r, engine.StatusFailed, reasonOf(j), tail), err
}

// used is what GitLab says of a job.
func used(j *gl.Job) workflow.Compute {
	out := workflow.Compute{QueuedMS: int64(j.QueuedDuration * 1000), WallMS: int64(j.Duration * 1000), Job: fmt.Sprintf("job %d", j.ID)}
	if j.Runner.ID != 0 {
		out.Runner = strings.TrimSpace(fmt.Sprintf("%s (%d)", j.Runner.Description, j.Runner.ID))
	}
	return out
}

// job is the job of a run: the latest, where somebody had it retried. Nil where there is
// none.
func (e *Engine) job(ctx context.Context, r engine.Run, p *gl.PipelineInfo) (*gl.Job, error) {
	jobs, _, err := e.cfg.Client.Jobs.ListPipelineJobs(r.Project, p.ID, &gl.ListJobsOptions{IncludeRetried: new(false)}, gl.WithContext(ctx))
	if err != nil || len(jobs) == 0 {
		if err != nil {
			err = fmt.Errorf("read the job of pipeline %d of %s: %w", p.ID, r.Project, err)
		}
		return nil, err
	}
	return slices.MaxFunc(jobs, func(a, b *gl.Job) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// canceled tells a job that was stopped from one that was given up because no
// runner took it: a node may have died between the two.
func (e *Engine) canceled(r engine.Run, p *gl.PipelineInfo, j *gl.Job) *engine.Finished {
	if j != nil && j.StartedAt == nil && p.CreatedAt != nil && p.UpdatedAt != nil && p.UpdatedAt.Sub(*p.CreatedAt) > e.cfg.Pending {
		return end(r, engine.StatusFailed, engine.ReasonNoRunner, "no runner took the job")
	}
	return end(r, engine.StatusStopped, engine.ReasonStopped, "")
}

// reasonOf is why a job failed, in the words of all engines.
func reasonOf(j *gl.Job) string {
	switch j.FailureReason {
	case "job_execution_timeout":
		return engine.ReasonTimeout
	case "runner_system_failure", "stuck_or_timeout_failure", "stale_schedule", "job_router_failure":
		if j.StartedAt == nil {
			return engine.ReasonNoRunner
		}
		return engine.ReasonLost
	case "script_failure", "":
		return engine.ReasonExitCode
	}
	return j.FailureReason
}

// tail is the end of a job's log. A log that is gone is none.
func (e *Engine) tail(ctx context.Context, r engine.Run, job int64) (string, error) {
	log, _, err := e.cfg.Client.Jobs.GetTraceFile(r.Project, job, gl.WithContext(ctx))
	if errors.Is(err, gl.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the log of job %d of %s: %w", job, r.Project, err)
	}
	if _, err := log.Seek(max(0, log.Size()-logTail), io.SeekStart); err != nil {
		return "", fmt.Errorf("read the log of job %d: %w", job, err)
	}
	b, err := io.ReadAll(log)
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:]
	}
	return plain(strings.ToValidUTF8(string(b), "")), err
}

// marks are what a runner writes for terminals and for GitLab's page: colours, and
// where sections begin and end.
var marks = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|section_(?:start|end):\d+:[^\r\n]*\r?`)

// plain is a log for people who read it elsewhere.
func plain(log string) string { return strings.TrimSpace(marks.ReplaceAllString(log, "")) }

func end(r engine.Run, status, reason, log string) *engine.Finished {
	return &engine.Finished{
		Tenant: r.Tenant, Workflow: r.Workflow, RunID: r.ID, Epoch: r.Epoch, WorkloadID: r.Workload,
		Status: status, Reason: reason, LogTail: log,
	}
}
