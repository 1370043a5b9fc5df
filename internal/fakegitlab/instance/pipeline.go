package instance

import (
	"slices"
	"time"
)

// Statuses of jobs and pipelines.
const (
	Created   = "created"
	Pending   = "pending"
	Running   = "running"
	Canceling = "canceling"
	Success   = "success"
	Failed    = "failed"
	Canceled  = "canceled"
	Skipped   = "skipped"
)

// Reasons of a failed job.
const (
	ScriptFailure       = "script_failure"
	JobExecutionTimeout = "job_execution_timeout"
	RunnerSystemFailure = "runner_system_failure"
	StuckOrTimeout      = "stuck_or_timeout_failure"
)

// Pair is a variable of a pipeline or of a job's definition.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Raw values are not expanded.
	Raw bool `json:"raw,omitempty"`
	// File values go to the job in a file.
	File bool `json:"file,omitempty"`
}

// Pipeline is one run of a CI file.
type Pipeline struct {
	ID         int64    `json:"id"`
	IID        int64    `json:"iid"`
	Project    int64    `json:"project"`
	Status     string   `json:"status"`
	Source     string   `json:"source"`
	Ref        string   `json:"ref"`
	SHA        string   `json:"sha"`
	Title      string   `json:"title,omitempty"`
	Name       string   `json:"name,omitempty"`
	YAMLErrors string   `json:"yaml_errors,omitempty"`
	User       int64    `json:"user"`
	Variables  []Pair   `json:"variables,omitempty"`
	Stages     []string `json:"stages"`
	// Jobs are all of its jobs, in the order of their stages, then of the file.
	Jobs       []int64    `json:"jobs"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	// Told is the status that hooks were told last; the same goes for jobs.
	Told string `json:"told,omitempty"`
}

// Job is one job of a pipeline, with all that a runner needs of its definition.
type Job struct {
	ID          int64         `json:"id"`
	Pipeline    int64         `json:"pipeline"`
	Project     int64         `json:"project"`
	Name        string        `json:"name"`
	Stage       string        `json:"stage"`
	Status      string        `json:"status"`
	Reason      string        `json:"reason,omitempty"`
	Tags        []string      `json:"tags,omitempty"`
	Image       string        `json:"image,omitempty"`
	Environment string        `json:"environment,omitempty"`
	Script      []string      `json:"script"`
	After       []string      `json:"after,omitempty"`
	Variables   []Pair        `json:"variables,omitempty"`
	Timeout     time.Duration `json:"timeout"`
	AllowFail   bool          `json:"allow_failure,omitempty"`
	User        int64         `json:"user"`
	// Retried says that a later job took its place.
	Retried    bool       `json:"retried,omitempty"`
	Runner     int        `json:"runner,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	QueuedAt   *time.Time `json:"queued_at,omitempty"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Told       string     `json:"told,omitempty"`
}

// Done says that nothing follows a status.
func Done(status string) bool {
	return slices.Contains([]string{Success, Failed, Canceled, Skipped}, status)
}

// JobsOf lists the jobs of a pipeline that count; with retried ones also those
// that were taken again.
func (s *State) JobsOf(p *Pipeline, retried bool) []*Job {
	var out []*Job
	for _, id := range p.Jobs {
		if j := s.Jobs[id]; retried || !j.Retried {
			out = append(out, j)
		}
	}
	return out
}

// Advance lets jobs begin whose stage's turn has come and sets the pipeline's
// status to what its jobs say.
func (s *State) Advance(p *Pipeline, now time.Time) {
	jobs := s.JobsOf(p, false)
	for _, stage := range p.Stages {
		turn(stage, jobs, now)
	}
	if is := status(jobs); is != p.Status {
		p.Status, p.UpdatedAt = is, now
	}
	if p.StartedAt == nil && slices.ContainsFunc(jobs, func(j *Job) bool { return j.StartedAt != nil }) {
		p.StartedAt = &now
	}
	switch {
	case !Done(p.Status):
		p.FinishedAt = nil
	case p.FinishedAt == nil:
		p.FinishedAt = &now
	}
}

// turn queues or skips the waiting jobs of a stage, by what became of those
// before it.
func turn(stage string, jobs []*Job, now time.Time) {
	before := true // jobs are in the order of their stages
	next := Pending
	for _, j := range jobs {
		if j.Stage == stage {
			before = false
		}
		switch {
		case before && !Done(j.Status):
			return
		case before && (j.Status == Failed && !j.AllowFail || j.Status == Canceled || j.Status == Skipped):
			next = Skipped
		case j.Stage == stage && j.Status == Created:
			j.Status = next
			j.QueuedAt = &now
		}
	}
}

// status is what the statuses of its jobs make of a pipeline.
func status(jobs []*Job) string {
	has := map[string]bool{}
	for _, j := range jobs {
		switch {
		case j.Status == Failed && j.AllowFail:
			has[Success] = true
		default:
			has[j.Status] = true
		}
	}
	started := has[Success] || has[Failed] || has[Canceled]
	switch {
	case has[Canceling]:
		return Canceling
	case has[Running], (has[Pending] || has[Created]) && started:
		return Running
	case has[Pending]:
		return Pending
	case has[Created]:
		return Created
	case has[Failed]:
		return Failed
	case has[Canceled]:
		return Canceled
	case has[Success]:
		return Success
	}
	return Skipped
}

// RemovePipeline takes a pipeline and its jobs out.
func (s *State) RemovePipeline(p *Pipeline) {
	for _, id := range p.Jobs {
		delete(s.Jobs, id)
	}
	delete(s.Pipelines, p.ID)
}
