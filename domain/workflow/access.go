package workflow

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
)

// AccessDecided says who was allowed to do what to the workflow, or was not, and by
// which rule. What was allowed stands in the same commit.
type AccessDecided access.Decision

// DenyAccess records that somebody was refused.
type DenyAccess struct {
	noFacts

	Decision access.Decision `json:"decision"`
}

// CommandType names the command.
func (*DenyAccess) CommandType() string { return "workflow.deny_access" }

// Decide records it of a workflow that is there.
func (c *DenyAccess) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	switch {
	case !s.Exists():
		return Outcome{}, notFound()
	case c.Decision.Allowed:
		return Outcome{}, domain.InvalidField("decision", "the decision allows", "what was allowed is recorded with what it allowed")
	}
	return events(AccessDecided(c.Decision))
}
