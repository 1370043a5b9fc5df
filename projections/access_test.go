package projections_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

// playDecisions leaves what was decided in the log of a workflow: a denial, and two tools.
func playDecisions(t *testing.T, n *nodetest.Node, id domain.StreamID, run uuid.UUID) {
	t.Helper()
	decision := func(action access.Action, allowed bool) access.Decision {
		return access.Decision{User: "mia", Action: action, Path: "acme/site", Flow: "developer/v1", Allowed: allowed, Rule: access.RuleAll, Parts: []access.Part{}, Basis: []access.Basis{}}
	}
	do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.DenyAccess{Decision: decision(access.Fork, false)}})
	agent := domain.Principal{User: "mia", Run: &domain.RunRef{ID: run, Epoch: 1}}
	for tool, allowed := range map[string]bool{"read_file": true, "run_command": false} {
		use := workflow.ToolUse{Tool: tool, Arguments: `{"path":"README.md"}`}
		do(t, n, dispatch.Request{Stream: id, Principal: agent, Workflow: &workflow.DecideTool{ToolUse: use, Decision: decision(access.UseTool, allowed)}})
	}
	var tools int
	err := n.DB.Read.QueryRow(t.Context(), `SELECT count(DISTINCT tool) FROM access_decisions WHERE stream = $1 AND action = 'use_tool' AND tool <> ''`, id.String()).Scan(&tools)
	if err != nil || tools != 2 {
		t.Errorf("decisions about %d tools, %v", tools, err)
	}
}
