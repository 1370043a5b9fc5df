package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// MaxHumanMessage bounds what a person says with a decision, in bytes.
const MaxHumanMessage = 2000

// ApprovalDecided is a person's answer to what a run asked to be allowed. The run
// that follows goes on with it.
type ApprovalDecided struct {
	// Run is the run that asked.
	Run      *uuid.UUID   `json:"run,omitempty"`
	Approved bool         `json:"approved"`
	Message  *value.Value `json:"message,omitempty"`
}

// EventType names the type of the event in the log.
func (ApprovalDecided) EventType() string { return "workflow.approval_decided" }

// Values lists what the event carries.
func (e ApprovalDecided) Values() []value.Value { return optional(e.Message) }

func (ApprovalDecided) event() {}

// Approval is the decision that a run goes on with.
type Approval struct {
	Approved bool         `json:"approved"`
	Message  *value.Value `json:"message,omitempty"`
}

// Decide answers what the workflow waits for, and asks for the run that goes on.
type Decide struct {
	noFacts

	Approved bool   `json:"human_approval"`
	Message  string `json:"human_message,omitempty"`
}

// CommandType names the command.
func (*Decide) CommandType() string { return "workflow.decide" }

// Size is how many bytes the request brings.
func (c *Decide) Size() int { return len(c.Message) }

// Decide records the decision once: as soon as the workflow goes on, there is
// nothing more to decide.
func (c *Decide) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if err := domain.CheckSize("human_message", len(c.Message), MaxHumanMessage); err != nil {
		return Outcome{}, err
	}
	to, _, err := Transition(s.Status, EventResume)
	switch {
	case err != nil:
		return Outcome{}, err
	case !s.Status.AwaitsHuman():
		return Outcome{}, &domain.Error{Code: domain.CodeIllegalStatus, Field: "human_approval", Message: "the workflow waits for no decision: it is " + string(s.Status), Fix: "look at it again"}
	case s.Created.Engine == EngineNone:
		return Outcome{}, runsElsewhere()
	case s.ActiveRun() != nil:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the run that asked has not ended yet", Fix: "try again when it has; the workflow shows it"}
	}
	var out Outcome
	decided := ApprovalDecided{Approved: c.Approved}
	if s.Run != nil {
		decided.Run = &s.Run.ID
	}
	if c.Message != "" {
		said := out.whole("text", []byte(c.Message))
		decided.Message = &said
	}
	out.Events = []Event{
		decided,
		StatusChanged{Event: EventResume, From: s.Status, To: to},
		requestRun(s, s.Created.Engine, RunResume, "", env),
	}
	return out, nil
}
