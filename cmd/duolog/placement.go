package main

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
)

// offers is what the engines of this build can do.
func offers() map[string][]placement.Ability {
	return map[string][]placement.Ability{
		"local":  {placement.Repository, placement.Commands},
		"gitlab": {placement.Repository, placement.Clone, placement.Commands},
	}
}

// engine is the first of the tenant's that can do what the flow needs.
func (t tenants) engine(_ context.Context, name domain.Tenant, start *workflow.Start) (string, error) {
	found, err := t.find(name)
	if err != nil || len(found.Engines) == 0 {
		return found.Engine, err
	}
	choice, err := placement.Choose(found.Engines, offers(), t.needs(start.Flow))
	return choice.Engine, err
}

// needs is what a flow asks of its engine. One that is not in the catalog asks nothing.
func (t tenants) needs(pins workflow.Flow) placement.Needs {
	if f, _, known := t.catalog.Recorded(pins); known && f.CodingEnvironment == "full" {
		return placement.Needs{Abilities: []placement.Ability{placement.Repository}}
	}
	return placement.Needs{}
}

// fallback is the engine that takes a run of the tenant after those that were tried
// in vain, empty where none is left.
func (t tenants) fallback(name domain.Tenant, created *workflow.Created, tried []string) (engine, reason string) {
	found, ok := t.list.Find(name)
	if !ok {
		return "", ""
	}
	choice, err := placement.Choose(found.Engines, offers(), t.needs(created.Flow), tried...)
	if err != nil {
		return "", ""
	}
	return choice.Engine, choice.Reason
}
