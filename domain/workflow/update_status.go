package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// UpdateStatus asks for a transition.
type UpdateStatus struct {
	noFacts

	Event  StatusEvent `json:"status_event"`
	Reason string      `json:"reason,omitempty"`
	// Run asks for a run that goes on from the last checkpoint, with resume or
	// retry.
	Run bool `json:"start_workflow,omitempty"`
	// OnlyRun limits the transition to the time that run is the latest: what
	// follows from the end of a run must not touch the one after it.
	OnlyRun *uuid.UUID `json:"only_run,omitempty"`
}

// CommandType names the command.
func (*UpdateStatus) CommandType() string { return "workflow.update_status" }

// Decide is the state machine, plus what a stop owes: a workload that runs is
// to be stopped, and a run that no engine has seen ends here.
func (c *UpdateStatus) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if c.OnlyRun != nil && (s.Run == nil || s.Run.ID != *c.OnlyRun) {
		return alreadySo()
	}
	if env.Principal.Run != nil {
		if err := s.mayWriteState(env); err != nil {
			return Outcome{}, err
		}
	}
	if err := domain.CheckText("reason", c.Reason, MaxShortText); err != nil {
		return Outcome{}, err
	}
	to, changed, err := Transition(s.Status, c.Event)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome
	if changed {
		out.Events = append(out.Events, StatusChanged{Event: c.Event, From: s.Status, To: to, Reason: c.Reason})
	}
	if c.Run {
		return c.restart(out, s, env)
	}
	if !changed {
		return alreadySo()
	}
	if run := s.ActiveRun(); c.Event == EventStop && run != nil && run.Stop == nil {
		out.Events = append(out.Events, stopRun(*run, c.Reason))
	}
	return out, nil
}

// restart asks for a run, unless one is there to go on.
func (c *UpdateStatus) restart(out Outcome, s State, env Env) (Outcome, error) {
	kind, ok := map[StatusEvent]RunKind{EventResume: RunResume, EventRetry: RunRetry}[c.Event]
	switch run := s.ActiveRun(); {
	case !ok:
		return Outcome{}, domain.InvalidField("start_workflow", "start_workflow goes with resume or retry", "leave it out")
	case s.Created.Engine == EngineNone:
		return Outcome{}, runsElsewhere()
	case run != nil && (s.Status.Terminal() || s.Status.AwaitsHuman()):
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the run before has not ended yet", Fix: "try again when it has; the workflow shows it"}
	case run != nil:
		return out, nil
	}
	out.Events = append(out.Events, requestRun(s, s.Created.Engine, kind, c.Reason, env))
	return out, nil
}

// runsElsewhere refuses a run of what no engine here runs.
func runsElsewhere() error {
	return domain.InvalidField("start_workflow", "this workflow runs elsewhere: no engine here starts it", "go on with it where it runs, or fork it with start_workflow")
}

func stopRun(run Run, reason string) Event {
	if run.Phase == RunPhaseRequested {
		return WorkloadFinished{Run: run.ID, Epoch: run.Epoch, Status: WorkloadStopped, Reason: "stopped_before_start"}
	}
	return StopRequested{Run: run.ID, Reason: reason}
}

// AttemptStop claims the right to ask the engine to stop a run.
type AttemptStop struct {
	noFacts

	Run     uuid.UUID `json:"run"`
	By      string    `json:"by"`
	Attempt int       `json:"attempt"`
}

// CommandType names the command.
func (*AttemptStop) CommandType() string { return "workflow.attempt_stop" }

// Decide gives the claim to one caller.
func (c *AttemptStop) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	run := s.ActiveRun()
	if run == nil || run.ID != c.Run || run.Stop == nil || run.Stop.Attempt.Count != c.Attempt-1 {
		return Outcome{}, claimed()
	}
	if err := domain.CheckText("by", c.By, MaxID); err != nil {
		return Outcome{}, err
	}
	return events(StopAttempted{Run: c.Run, Attempt: c.Attempt, By: c.By})
}
