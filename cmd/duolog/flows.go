package main

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/schemas"
)

// flagStickiness lets a workflow keep the model that was recorded.
const flagStickiness = "duo_workflow_provider_stickiness"

// newTenants are the tenants of the configuration with the catalog of flows.
func newTenants(list config.Tenants, gitlab bool) (tenants, error) {
	catalog, err := flows.Load(schemas.Flows)
	return tenants{list: list, catalog: catalog, gitlab: gitlab}, err
}

// resolver resolves flows by the catalog and the flags of each tenant's own directory.
func (d directories) resolver() flows.Resolver {
	return flows.Resolver{Catalog: d.tenants.catalog, Flags: d.flag}
}

func (d directories) flag(ctx context.Context, name domain.Tenant, flag, path string) (bool, error) {
	on, _, err := d.Flag(ctx, name, flag, path)
	return on, err
}

// flowsOf resolves the flows of a tenant for a project or namespace, as its root has them
// on.
func (d directories) flowsOf(ctx context.Context, name domain.Tenant, path string) (flows.Tenant, error) {
	says, _, err := d.tenants.says(name, path)
	if err != nil {
		return flows.Tenant{}, err
	}
	here, _, err := d.resolver().At(ctx, d, name, says)
	return here, err
}

// model is what a run of a tenant gets whose workflow has no model of its own.
func (d directories) model(ctx context.Context, name domain.Tenant, path string) (effects.Model, error) {
	found, err := d.tenants.find(name)
	if err != nil {
		return effects.Model{}, err
	}
	sticky, err := d.flag(ctx, name, flagStickiness, path)
	return effects.Model{Fresh: found.Model, Sticky: sticky}, err
}
