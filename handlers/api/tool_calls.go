package api

import (
	"context"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/permission"
)

// ToolGate decides whether a run may use a tool, and records it. Its error is the
// refusal, access_denied where a rule denies; not_now means that it could not be told.
type ToolGate interface {
	UseTool(ctx context.Context, c permission.ToolCall) (access.Decision, error)
}

// toolIsAllowed is how long an agent may go on using a tool without asking again.
const toolIsAllowed = time.Minute

// askForTool answers POST workflows/:id/tool_calls: whether the run may use a tool. What
// is denied is refused, so that an agent that reads no bodies does not go on.
func (s *Server) askForTool(c *call) (answer, error) {
	if err := c.who.RunOnly(); err != nil {
		return answer{}, err
	}
	stream, _, doc, err := s.onWorkflow(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	use, err := toolUseOf(doc)
	if err != nil {
		return answer{}, err
	}
	if err := s.living(c, c.who); err != nil {
		return answer{}, err
	}
	d, err := s.cfg.Tools.UseTool(c.Context(), permission.ToolCall{
		Stream: stream, Principal: c.who.Principal(c.who.ServiceAccount), Scope: c.who.Scope, Use: use,
	})
	if err != nil {
		return answer{}, err
	}
	var o object
	o.bool("allowed", d.Allowed)
	o.text("rule", string(d.Rule))
	o.text("says", d.User+" may use "+use.Tool+" in "+d.Path)
	o.int("valid_seconds", int64(toolIsAllowed/time.Second))
	decision := decisionOf(d, use.Tool)
	decision.rawOrNull("decided_at", nil)
	decision.uuidOrNull("workflow", &stream.ID)
	o.raw("decision", decision.end())
	return ok(o.end()), nil
}

func toolUseOf(doc document.Object) (workflow.ToolUse, error) {
	f := &document.Fields{Doc: doc}
	use := workflow.ToolUse{Tool: f.Text("tool"), CallID: f.Text("call_id"), Arguments: f.Text("arguments")}
	if f.Err != nil {
		return use, f.Err
	}
	if use.Tool == "" {
		return use, domain.InvalidField("tool", "tool is missing", "name the tool, such as read_file")
	}
	return use, use.Validate()
}
