package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/value"
)

// Limits of what is said with a tool, in bytes.
const (
	MaxToolArguments = 1 << 10
	MaxToolCallID    = 255
)

// ToolDecided says whether a run may use a tool, and by which rule. It is a type beside
// AccessDecided, whose actions were published as all there are.
type ToolDecided struct {
	Run  uuid.UUID `json:"run"`
	Tool string    `json:"tool"`
	// CallID and Arguments are of the call that was asked about, where the agent told.
	CallID    string       `json:"call_id,omitempty"`
	Arguments *value.Value `json:"arguments,omitempty"`

	User           string         `json:"user"`
	ServiceAccount string         `json:"service_account,omitempty"`
	Path           string         `json:"path"`
	Flow           string         `json:"flow"`
	Allowed        bool           `json:"allowed"`
	Rule           access.Rule    `json:"rule"`
	Parts          []access.Part  `json:"parts"`
	Basis          []access.Basis `json:"basis"`
}

// EventType names the type of the event in the log.
func (ToolDecided) EventType() string { return "workflow.tool_decided" }

// Values lists what the event carries.
func (e ToolDecided) Values() []value.Value { return optional(e.Arguments) }

func (ToolDecided) event() {}

// Decision is what was decided, as of any other action.
func (e ToolDecided) Decision() access.Decision {
	return access.Decision{
		User: e.User, ServiceAccount: e.ServiceAccount, Action: access.UseTool, Path: e.Path, Flow: e.Flow,
		Allowed: e.Allowed, Rule: e.Rule, Parts: e.Parts, Basis: e.Basis,
	}
}

// ToolUse is what an agent asks to be allowed.
type ToolUse struct {
	Tool string `json:"tool"`
	// CallID names the call, Arguments are what it is given or a hash of that.
	CallID    string `json:"call_id,omitempty"`
	Arguments string `json:"arguments,omitempty"`
}

// Validate refuses what is no tool, and what is too long.
func (u ToolUse) Validate() error {
	if err := directory.CheckTool("tool", u.Tool); err != nil {
		return err
	}
	if u.CallID != "" {
		if err := domain.CheckText("call_id", u.CallID, MaxToolCallID); err != nil {
			return err
		}
	}
	return domain.CheckSize("arguments", len(u.Arguments), MaxToolArguments)
}

// DecideTool records what was decided about the use of a tool.
type DecideTool struct {
	noFacts
	ToolUse

	Decision access.Decision `json:"decision"`
}

// CommandType names the command.
func (*DecideTool) CommandType() string { return "workflow.decide_tool" }

// Decide records it of a run that is the workflow's own.
func (c *DecideTool) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	env.AllowRunless = false
	if err := s.mayWriteState(env); err != nil {
		return Outcome{}, err
	}
	if err := c.Validate(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	d := c.Decision
	e := ToolDecided{
		Run: env.Principal.Run.ID, Tool: c.Tool, CallID: c.CallID, User: d.User, ServiceAccount: d.ServiceAccount, Path: d.Path, Flow: d.Flow,
		Allowed: d.Allowed, Rule: d.Rule, Parts: d.Parts, Basis: d.Basis,
	}
	if c.Arguments != "" {
		said := out.whole("text", []byte(c.Arguments))
		e.Arguments = &said
	}
	out.Events = []Event{e}
	return out, nil
}
