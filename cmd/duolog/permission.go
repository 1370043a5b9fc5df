package main

import (
	"cmp"
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/handlers/api"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/projections/queries/cut"
)

// guard is the way of every command that somebody has to be allowed.
func (n *node) guard() permission.Guard {
	return permission.Guard{Next: n.dispatch, States: n.snapshots, Asker: n.directory.asker(n.directory), Now: n.cfg.now}
}

// asker knows who may do what, as a directory says it.
func (d directories) asker(ask source.Directory) permission.Asker {
	return permission.Asker{Directory: ask, Places: permission.Here{Switches: ask, Flows: d.resolver(), Says: d.tenants.says}}
}

// askerAt knows who might do what as of a moment; false for a directory that keeps no past.
func (d directories) askerAt(name domain.Tenant, at cut.At) (api.Permissions, bool) {
	if d.of(name) != aDirectory(d.stored) {
		return nil, false
	}
	return d.asker(d.stored.At(at)), true
}

// ownsAccount asks Duolog's own directory. Of no other is it told here who owns what.
func (d directories) ownsAccount(ctx context.Context, name domain.Tenant, owner, login string) (bool, error) {
	if d.of(name) != aDirectory(d.stored) {
		return false, nil
	}
	return d.stored.OwnsAccount(ctx, name, owner, login)
}

// says is what the configuration says of a tenant's flows for a path, and what it denies.
// Whose directory is the configuration, or GitLab, has its flows switched on there for the
// tenant's own group.
func (t tenants) says(name domain.Tenant, path string) (flow.Policy, []access.Action, error) {
	found, err := t.find(name)
	if err != nil {
		return flow.Policy{}, nil, err
	}
	where := found.Namespace.Path
	if found.Directory == config.DirectoryDuolog {
		where = directory.Root(cmp.Or(path, where))
	}
	return flow.Policy{
		Default: found.Flow, Own: found.Flows, Plans: found.Gates.Plans, Maturities: found.Gates.Maturities, Where: where,
	}, found.Deny, nil
}
