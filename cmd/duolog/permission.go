package main

import (
	"context"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
)

// guard is the way of every command that somebody has to be allowed.
func (n *node) guard() permission.Guard {
	return permission.Guard{Next: n.dispatch, States: n.snapshots, Asker: n.asker(), Now: n.cfg.now}
}

// asker knows who may do what.
func (n *node) asker() permission.Asker {
	return permission.Asker{Directory: n.directory, Places: places{n.cfg.tenants, n.directory}}
}

// places knows what holds for a flow where it is to run: the directory says whose account
// acts and what is on, the configuration what is denied.
type places struct {
	tenants   tenants
	directory source.Directory
}

// Place is what holds for a flow in a project or group. Without a flow it is the one that
// the tenant starts where nobody says otherwise.
func (p places) Place(ctx context.Context, name domain.Tenant, path, flow string) (permission.Place, error) {
	found, err := p.tenants.find(name)
	if err != nil {
		return permission.Place{}, err
	}
	if flow == "" {
		flow = found.Flow.Definition
	}
	if path == "" {
		path = found.Namespace.Path
	}
	out := permission.Place{Tenant: access.Denial{Actions: found.Deny, Tools: found.DenyTools}, Flow: access.Flow{Reference: flow}}
	settings, _, err := p.directory.Flows(ctx, name, path)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	// A flag may have chosen another definition than that of the reference that is on.
	reference := p.tenants.catalog.ReferenceOf(workflow.Flow{Definition: flow})
	listed, foundational := p.tenants.catalog.Find(reference)
	out.Group = denied(directory.Root(path), settings)
	out.Flow.Tools = listed.Tools.Allowed()
	out.Flow.Enabled = (settings.FoundationalAllowed || !foundational) && (slices.Contains(settings.Enabled, reference) || slices.Contains(settings.Enabled, flow))
	account, _, err := p.directory.ServiceAccount(ctx, name, path, reference)
	if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
		return out, err
	}
	out.ServiceAccount = account.Login
	return out, nil
}

// denied is what a root group denies to everybody in it.
func denied(root string, settings directory.FlowSettings) access.Denial {
	out := access.Denial{Tools: settings.Denied(directory.PolicyDeniedTools), Path: root, Owners: settings.Owners}
	for _, action := range settings.Denied(directory.PolicyDeniedActions) {
		out.Actions = append(out.Actions, access.Action(action))
	}
	return out
}
