package workflow_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
)

// TestToolsAreRecordedOfTheRun: what was decided about a tool is recorded of the run that
// asked, allowed or not; nobody else asks, nor a run that was replaced.
func TestToolsAreRecordedOfTheRun(t *testing.T) {
	t.Parallel()
	ask := func(change func(*workflow.DecideTool)) *workflow.DecideTool {
		c := &workflow.DecideTool{
			ToolUse:  workflow.ToolUse{Tool: "run_command", CallID: "call_7", Arguments: "make test"},
			Decision: access.Decision{User: "ada", Action: access.UseTool, Path: "acme/site", Flow: "developer/v1", Rule: access.RuleNamespace},
		}
		change(c)
		return c
	}
	asIs := func(*workflow.DecideTool) {}
	said := text("make test")
	s := given(t, running()...).as(run1, 1).when(ask(asIs))
	s.then(workflow.ToolDecided{
		Run: run1, Tool: "run_command", CallID: "call_7", Arguments: &said, User: "ada", Path: "acme/site", Flow: "developer/v1", Rule: access.RuleNamespace,
	})
	e, _ := s.out.Events[0].(workflow.ToolDecided)
	if d := e.Decision(); d.Action != access.UseTool || d.User != "ada" || d.Rule != access.RuleNamespace || d.Allowed {
		t.Errorf("%+v", d)
	}
	given(t, running()...).as(uuid.New(), 0).when(ask(asIs)).refused(domain.CodeStaleRun, "")
	given(t, running()...).when(ask(asIs)).refused(domain.CodeForbidden, "")
	given(t).as(run1, 1).when(ask(asIs)).refused(domain.CodeNotFound, "")
	for field, spoil := range map[string]func(*workflow.DecideTool){
		"tool":      func(c *workflow.DecideTool) { c.Tool = "" },
		"call_id":   func(c *workflow.DecideTool) { c.CallID = "a\x00b" },
		"arguments": func(c *workflow.DecideTool) { c.Arguments = strings.Repeat("a", workflow.MaxToolArguments+1) },
	} {
		code := domain.CodeInvalidField
		if field == "arguments" {
			code = domain.CodeTooLarge
		}
		given(t, running()...).as(run1, 1).when(ask(spoil)).refused(code, field)
	}
}
