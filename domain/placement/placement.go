// Package placement decides which engine a run gets: of those that the tenant
// allows, in its order, the first that can do what the flow needs.
package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// Ability is something an engine can do and a flow may need.
type Ability string

// The abilities.
const (
	// Repository: the run can reach a repository.
	Repository Ability = "repository"
	// Clone: the run begins with a clone of it.
	Clone Ability = "clone"
	// Commands: the run can execute programs.
	Commands Ability = "commands"
)

// Needs is what a flow asks of its engine.
type Needs struct {
	Abilities []Ability
	// Engines limits the choice to these; empty for any.
	Engines []string
}

// Decision is which engine a run gets, and why it and no other.
type Decision struct {
	Engine string `json:"engine"`
	// Reason says it in one line.
	Reason string `json:"reason"`
	// Candidates are those that were asked about, in their order.
	Candidates []Candidate `json:"candidates"`
}

// Candidate is an engine that could have been chosen.
type Candidate struct {
	Engine string `json:"engine"`
	// PassedOver says why it was not; empty for the chosen one and for those after it.
	PassedOver string `json:"passed_over,omitempty"`
}

// Choose takes the first engine of allowed, in order, that can do what is needed and
// was not tried in vain. Its error is a *domain.Error that says what each one lacks.
func Choose(allowed []string, offers map[string][]Ability, needs Needs, tried ...string) (Decision, error) {
	var out Decision
	var passed []string
	for _, name := range allowed {
		why := ""
		if out.Engine == "" {
			why = lacks(name, offers, needs, tried)
		}
		out.Candidates = append(out.Candidates, Candidate{name, why})
		switch {
		case why != "":
			passed = append(passed, name+" "+why)
		case out.Engine == "":
			out.Engine, out.Reason = name, cmp.Or(strings.Join(passed, ", "), "the first that is allowed")
		}
	}
	if out.Engine == "" {
		return out, &domain.Error{
			Code: domain.CodeConflict, Field: "engine",
			Message: fmt.Sprintf("no engine can take the run: %s", strings.Join(passed, ", ")),
			Fix:     "allow the tenant another engine, or choose another flow",
		}
	}
	return out, nil
}

// lacks is why an engine does not get the run, empty where it does.
func lacks(name string, offers map[string][]Ability, needs Needs, tried []string) string {
	can, there := offers[name]
	switch {
	case slices.Contains(tried, name):
		return "has no runner free"
	case !there:
		return "is not configured"
	case len(needs.Engines) > 0 && !slices.Contains(needs.Engines, name):
		return "is not for this flow"
	}
	for _, a := range needs.Abilities {
		if !slices.Contains(can, a) {
			return "cannot do " + string(a)
		}
	}
	return ""
}
