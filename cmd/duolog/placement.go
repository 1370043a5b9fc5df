package main

import (
	"context"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/config"
)

// offers is what the engines of this node can do.
func (t tenants) offers() map[string][]placement.Ability {
	out := map[string][]placement.Ability{"local": {placement.Repository, placement.Commands}}
	if t.gitlab {
		out[config.EngineGitLab] = []placement.Ability{placement.Repository, placement.Clone, placement.Commands}
	}
	return out
}

// engine is the first of the tenant's that can do what the flow needs.
func (t tenants) engine(_ context.Context, name domain.Tenant, start *workflow.Start) (placement.Decision, error) {
	found, err := t.find(name)
	if err != nil {
		return placement.Decision{}, err
	}
	return placement.Choose(t.candidates(found), t.offers(), t.needs(start.Flow))
}

// candidates are the engines of a tenant, in its order.
func (tenants) candidates(t config.Tenant) []string {
	if len(t.Engines) == 0 {
		return []string{t.Engine}
	}
	return t.Engines
}

// needs is what a flow asks of its engine. One that is not in the catalog asks nothing.
func (t tenants) needs(pins workflow.Flow) placement.Needs {
	if f, _, known := t.catalog.Recorded(pins); known && f.CodingEnvironment == "full" {
		return placement.Needs{Abilities: []placement.Ability{placement.Repository}}
	}
	return placement.Needs{}
}

// place is the engine of a run: own, the one that its workflow began with, or else the
// next that was not tried in vain. Own is empty where another one is asked for.
func (t tenants) place(name domain.Tenant, created *workflow.Created, own string, tried []string) (placement.Decision, error) {
	found, err := t.find(name)
	if err != nil {
		return placement.Decision{}, err
	}
	candidates := t.candidates(found)
	if own != "" {
		candidates = append([]string{own}, slices.DeleteFunc(slices.Clone(candidates), func(e string) bool { return e == own })...)
	}
	decision, err := placement.Choose(candidates, t.offers(), t.needs(created.Flow), tried...)
	if own != "" && decision.Engine == own {
		decision.Reason = "the workflow's own"
	}
	return decision, err
}
