package engine

import (
	"errors"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// The modes in which an agent takes up a workflow.
const (
	ModeStart  = "start"
	ModeResume = "resume"
	ModeRetry  = "retry"
)

// The variables by which a run learns what a person decided about what the run
// before it asked: true or false, and what they said with it.
const (
	EnvApproval        = "DUOLOG_APPROVAL"
	EnvApprovalMessage = "DUOLOG_APPROVAL_MESSAGE"
)

// Start is everything an engine needs to start one run. Two Starts of one RunID
// start one workload.
type Start struct {
	Tenant   domain.Tenant
	Workflow uuid.UUID
	// Number is the workflow's number for people and for wires that need integers.
	Number int64
	RunID  uuid.UUID
	// Epoch is the run's place among the runs of its workflow, from 1.
	Epoch int
	// Mode is start, resume or retry.
	Mode string
	// User is the login of the person that the run acts for, ServiceAccount that of
	// the account that acts; empty where the person acts alone.
	User, ServiceAccount string
	// Project is the path of the project the run works in; empty where it has none.
	Project string
	// Image is what the workflow asks to run in; empty leaves it to the engine.
	Image string
	// Env is the complete environment of the run, tokens included: an engine
	// never logs it and never writes it to disk.
	Env map[string]string
}

// Validate says what is missing before anything is started.
func (s Start) Validate() error {
	switch {
	case !s.Tenant.Valid():
		return errors.New("engine start: tenant is not valid")
	case s.Workflow == uuid.Nil:
		return errors.New("engine start: workflow is missing")
	case s.RunID == uuid.Nil:
		return errors.New("engine start: run id is missing")
	case s.Mode != ModeStart && s.Mode != ModeResume && s.Mode != ModeRetry:
		return errors.New("engine start: mode must be start, resume or retry")
	}
	return nil
}

// Run says of which run an engine is asked.
type Run struct {
	Tenant   domain.Tenant
	Workflow uuid.UUID
	ID       uuid.UUID
	Epoch    int
	// ServiceAccount is the login of the account that acts in it; empty for none.
	ServiceAccount string
	// Project is the path of the project it runs in; empty where it has none.
	Project string
	// Workload is the engine's handle, empty as long as none is known.
	Workload string
}

// Workload is the engine's own handle for a run.
type Workload struct {
	// ID is what people look the run up by: "pid 4711@node", a pipeline, a stream.
	ID string
	// Detail is one line for people: where the log is, why it did not start.
	Detail string
}

// State is what an engine knows of a run.
type State string

// The states of a run as its engine sees it.
const (
	// StateUnknown: no trace of the run; it is safe to start it.
	StateUnknown State = "unknown"
	// StateRunning: the workload has been started and has not ended.
	StateRunning State = "running"
	// StateFinished: the workload has ended; its outcome has been or will be reported.
	StateFinished State = "finished"
)

// The ways a run can end.
const (
	StatusSuccess = "success"
	StatusFailed  = "failed"
	StatusStopped = "stopped"
)

// Why a run did not succeed.
const (
	ReasonExitCode    = "exit_code"
	ReasonKilled      = "killed"
	ReasonLost        = "lost"
	ReasonStartFailed = "start_failed"
	ReasonStopped     = "stopped"
	// ReasonNoRunner: nothing took the job in time.
	ReasonNoRunner = "no_runner"
	// ReasonTimeout: the job took longer than it may.
	ReasonTimeout = "timeout"
	// ReasonComposite: no token is to be had by which the run acts for its person.
	ReasonComposite = "composite_token"
)

// RefusedError is that of an engine which starts nothing, for a reason of its own.
type RefusedError struct {
	// Reason is one of the Reason constants.
	Reason string
	Err    *domain.Error
}

func (r *RefusedError) Error() string { return r.Reason + ": " + r.Err.Error() }

// Unwrap makes it a refusal like those without a reason.
func (r *RefusedError) Unwrap() error { return r.Err }

// Finished is the outcome of a run.
type Finished struct {
	Tenant     domain.Tenant
	Workflow   uuid.UUID
	RunID      uuid.UUID
	Epoch      int
	WorkloadID string
	// Status is success, failed or stopped.
	Status string
	// Reason is empty for a success, else one of the Reason constants.
	Reason string
	// ExitCode is nil where the workload gave none: it was killed, lost or
	// never started.
	ExitCode *int
	// LogTail is the end of what the workload wrote: valid UTF-8, at most 4 KiB.
	LogTail string
	// Used is what the run used; what the engine does not know is zero.
	Used workflow.Compute
}
