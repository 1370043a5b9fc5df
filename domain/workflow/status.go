package workflow

import (
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain"
)

// Status is where a workflow stands.
type Status string

// The statuses of the Duo Workflow API.
const (
	StatusCreated              Status = "created"
	StatusRunning              Status = "running"
	StatusPaused               Status = "paused"
	StatusFinished             Status = "finished"
	StatusFailed               Status = "failed"
	StatusStopped              Status = "stopped"
	StatusInputRequired        Status = "input_required"
	StatusPlanApprovalRequired Status = "plan_approval_required"
	StatusToolApprovalRequired Status = "tool_call_approval_required"
)

// Terminal says whether the status is an end. Failed and stopped can still be
// retried; finished cannot.
func (s Status) Terminal() bool {
	return s == StatusFinished || s == StatusFailed || s == StatusStopped
}

// AwaitsHuman says whether the workflow waits for a person.
func (s Status) AwaitsHuman() bool {
	return s == StatusInputRequired || s == StatusPlanApprovalRequired || s == StatusToolApprovalRequired
}

// Statuses lists every status in the order of the API.
func Statuses() []Status {
	return []Status{
		StatusCreated, StatusRunning, StatusPaused, StatusFinished, StatusFailed, StatusStopped,
		StatusInputRequired, StatusPlanApprovalRequired, StatusToolApprovalRequired,
	}
}

// StatusEvent asks for a transition.
type StatusEvent string

// The events of the Duo Workflow API.
const (
	EventStart               StatusEvent = "start"
	EventPause               StatusEvent = "pause"
	EventRequireInput        StatusEvent = "require_input"
	EventRequirePlanApproval StatusEvent = "require_plan_approval"
	EventRequireToolApproval StatusEvent = "require_tool_call_approval"
	EventResume              StatusEvent = "resume"
	EventRetry               StatusEvent = "retry"
	EventFinish              StatusEvent = "finish"
	EventDrop                StatusEvent = "drop"
	EventStop                StatusEvent = "stop"
)

type transition struct {
	from []Status
	to   Status
}

// transitions is the whole state machine.
func transitions() map[StatusEvent]transition {
	running := []Status{StatusRunning}
	awaiting := []Status{StatusInputRequired, StatusPlanApprovalRequired, StatusToolApprovalRequired}
	alive := append([]Status{StatusCreated, StatusRunning, StatusPaused}, awaiting...)
	return map[StatusEvent]transition{
		EventStart:               {[]Status{StatusCreated}, StatusRunning},
		EventPause:               {running, StatusPaused},
		EventRequireInput:        {running, StatusInputRequired},
		EventRequirePlanApproval: {running, StatusPlanApprovalRequired},
		EventRequireToolApproval: {running, StatusToolApprovalRequired},
		EventResume:              {append([]Status{StatusPaused}, awaiting...), StatusRunning},
		EventRetry:               {[]Status{StatusRunning, StatusStopped, StatusFailed}, StatusRunning},
		EventFinish:              {running, StatusFinished},
		EventDrop:                {alive, StatusFailed},
		EventStop:                {alive, StatusStopped},
	}
}

// Transition answers where event leads from status. The order of the checks is
// part of the API: an unknown event is refused, a target that is reached
// already is a success without effect, anything else that is not in the table
// is refused.
func Transition(from Status, event StatusEvent) (to Status, changed bool, err error) {
	t, ok := transitions()[event]
	switch {
	case !ok:
		return from, false, &domain.Error{
			Code: domain.CodeUnknownEvent, Field: "status_event",
			Message: fmt.Sprintf("Can not update workflow status, unsupported event: %s", event),
			Fix:     "send one of start, pause, require_input, require_plan_approval, require_tool_call_approval, resume, retry, finish, drop, stop",
		}
	case t.to == from:
		return from, false, nil
	case !slices.Contains(t.from, from):
		return from, false, &domain.Error{
			Code: domain.CodeIllegalStatus, Field: "status_event",
			Message: fmt.Sprintf("Can not %s workflow that has status %s", event, from),
			Fix:     "read the workflow's status first",
		}
	}
	return t.to, true, nil
}
