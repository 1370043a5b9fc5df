package workflow

import (
	"cmp"
	"math"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
)

// requestRun is the intent of the next run: a new epoch, an id that derives
// from the command.
func requestRun(s State, engine string, kind RunKind, reason string, env Env) RunRequested {
	return RunRequested{Run: env.derive("run"), Epoch: s.Epoch + 1, Engine: engine, Kind: kind, Reason: reason}
}

// RequestRun asks for another run of the workflow.
type RequestRun struct {
	noFacts

	Kind   RunKind `json:"kind"`
	Reason string  `json:"reason,omitempty"`
	// Engine runs it instead of the workflow's own.
	Engine string `json:"engine,omitempty"`
	// Placement is how that was decided; nil where nothing was.
	Placement *placement.Decision `json:"placement,omitempty"`
}

// CommandType names the command.
func (*RequestRun) CommandType() string { return "workflow.request_run" }

// Decide starts one run at a time: a workflow that runs is left alone.
func (c *RequestRun) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if s.ActiveRun() != nil {
		return alreadySo()
	}
	if s.Status == StatusFinished {
		return Outcome{}, &domain.Error{Code: domain.CodeWorkflowEnded, Message: "the workflow has finished", Fix: "start a new one"}
	}
	kind := cmp.Or(c.Kind, s.nextKind())
	if !kind.valid() {
		return Outcome{}, domain.InvalidField("kind", "kind is not a kind of run", "send start, resume, retry or nothing")
	}
	if err := cmp.Or(domain.CheckText("reason", c.Reason, MaxShortText), domain.CheckText("engine", c.Engine, MaxName)); err != nil {
		return Outcome{}, err
	}
	run := requestRun(s, cmp.Or(c.Engine, s.Created.Engine), kind, c.Reason, env)
	return events(append(chosen(c.Placement, &run.Run), run)...)
}

// nextKind says how a further run begins.
func (s State) nextKind() RunKind {
	switch {
	case s.Status == StatusCreated:
		return RunStart
	case s.Status == StatusPaused || s.Status.AwaitsHuman():
		return RunResume
	}
	return RunRetry
}

func (k RunKind) valid() bool { return k == RunStart || k == RunResume || k == RunRetry }

// AttemptRun claims the right to call the engine for a run.
type AttemptRun struct {
	noFacts

	Run uuid.UUID `json:"run"`
	By  string    `json:"by"`
	// Attempt is the number the caller makes it; a repeat finds it taken.
	Attempt int `json:"attempt"`
	// Placement is the decision on the run's engine; nil where it was recorded before.
	Placement *placement.Decision `json:"placement,omitempty"`
}

// CommandType names the command.
func (*AttemptRun) CommandType() string { return "workflow.attempt_run" }

// Decide gives the claim to one caller.
func (c *AttemptRun) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	run := s.ActiveRun()
	if run == nil || run.ID != c.Run || run.Phase == RunPhaseStarted || run.Attempt.Count != c.Attempt-1 {
		return Outcome{}, claimed()
	}
	if err := domain.CheckText("by", c.By, MaxID); err != nil {
		return Outcome{}, err
	}
	return events(append(chosen(c.Placement, &c.Run), RunAttempted{Run: c.Run, Attempt: c.Attempt, By: c.By})...)
}

// claimed is the refusal of an attempt that is not the caller's to make.
func claimed() error {
	return &domain.Error{Code: domain.CodeConflict, Message: "the effect is done, or somebody else is at it", Fix: "nothing: look at the workflow"}
}

// ConfirmRun records the engine's handle for a run.
type ConfirmRun struct {
	noFacts

	Run      uuid.UUID `json:"run"`
	Workload string    `json:"workload"`
}

// CommandType names the command.
func (*ConfirmRun) CommandType() string { return "workflow.confirm_run" }

// Decide records it once; a run that ended meanwhile stays ended.
func (c *ConfirmRun) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	run := s.ActiveRun()
	if run == nil || run.ID != c.Run || run.Phase == RunPhaseStarted {
		return alreadySo()
	}
	if err := domain.CheckText("workload", c.Workload, MaxShortText); err != nil {
		return Outcome{}, err
	}
	return events(RunStarted{Run: c.Run, Workload: c.Workload})
}

// FinishWorkload records the end of a run.
type FinishWorkload struct {
	noFacts

	Run        uuid.UUID      `json:"run"`
	Epoch      int            `json:"epoch"`
	WorkloadID string         `json:"workload_id,omitempty"`
	Status     WorkloadStatus `json:"status"`
	Reason     string         `json:"reason,omitempty"`
	ExitCode   *int           `json:"exit_code,omitempty"`
	Log        string         `json:"log,omitempty"`
	// Compute is what the run used; nil where its engine does not say.
	Compute *Compute `json:"compute,omitempty"`
}

// CommandType names the command.
func (*FinishWorkload) CommandType() string { return "workflow.finish_workload" }

// Decide records the end of the current run once. The end of an older run is
// a fact too: it is recorded as stale and changes nothing.
func (c *FinishWorkload) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	current := s.Run != nil && s.Run.ID == c.Run
	if current && s.Run.Phase == RunPhaseFinished {
		return alreadySo()
	}
	if !c.Status.valid() {
		return Outcome{}, domain.InvalidField("status", "status is not an end of a workload", "send success, failed or stopped")
	}
	if c.Epoch < 0 || c.Epoch > math.MaxInt32 {
		return Outcome{}, domain.InvalidField("epoch", "epoch is not the number of a run", "send the epoch of the run")
	}
	e := WorkloadFinished{
		Run: c.Run, Epoch: c.Epoch, WorkloadID: domain.CleanText(c.WorkloadID, MaxShortText), Status: c.Status,
		Reason: domain.CleanText(c.Reason, MaxShortText), ExitCode: c.ExitCode, Stale: !current,
	}
	var out Outcome
	if c.Log != "" {
		log := out.whole("text", []byte(c.Log))
		e.Log = &log
	}
	out.Events = []Event{e}
	if c.Compute != nil {
		used := ComputeUsed{Run: c.Run, Compute: c.Compute.clean()}
		if current {
			used.Engine = s.Run.Engine
		}
		out.Events = append(out.Events, used)
	}
	return out, nil
}

func (w WorkloadStatus) valid() bool {
	return w == WorkloadSuccess || w == WorkloadFailed || w == WorkloadStopped
}
