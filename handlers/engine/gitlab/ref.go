package gitlab

import (
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/engine"
)

const branchPrefix = "workloads/"

// branchOf is the branch of a run: whoever sees it knows whose it is.
func branchOf(r engine.Run) string {
	return branchPrefix + string(r.Tenant) + "/" + r.Workflow.String() + "/" + r.ID.String()
}

// workflowOf is the workflow that a branch belongs to.
func workflowOf(branch string) (domain.StreamID, bool) {
	rest, ours := strings.CutPrefix(branch, branchPrefix)
	parts := strings.Split(rest, "/")
	if !ours || len(parts) != 3 {
		return domain.StreamID{}, false
	}
	workflow, err := uuid.Parse(parts[1])
	id := domain.StreamID{Tenant: domain.Tenant(parts[0]), Kind: domain.KindWorkflow, ID: workflow}
	return id, err == nil && id.Tenant.Valid()
}

// environmentOf is the environment of the run's job, which its secret is limited to.
func environmentOf(r engine.Run) string { return "duolog/" + r.ID.String() }
