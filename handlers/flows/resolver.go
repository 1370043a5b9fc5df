package flows

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory"
)

// Flags says whether a flag is on for a project or namespace, by its path. An error means
// that it cannot be told now; nobody guesses then.
type Flags func(ctx context.Context, tenant domain.Tenant, name, path string) (bool, error)

// Resolver resolves flows for every tenant. It is safe for concurrent use.
type Resolver struct {
	Catalog flow.Catalog
	Flags   Flags
}

// Of is the resolver of one tenant.
func (r Resolver) Of(tenant domain.Tenant, p flow.Policy) Tenant { return Tenant{r, tenant, p} }

// Switches says what the root group of a path says of flows, as directory.Directory does.
type Switches interface {
	Flows(ctx context.Context, tenant domain.Tenant, path string) (entities.FlowSettings, directory.Basis, error)
}

// At is the resolver of a tenant at a place: what the tenant says, with what the root
// group there says now. It is the one gatherer of what decides whether a flow is on.
func (r Resolver) At(ctx context.Context, ask Switches, tenant domain.Tenant, says flow.Policy) (Tenant, directory.Basis, error) {
	settings, basis, err := ask.Flows(ctx, tenant, says.Where)
	if err != nil {
		return Tenant{}, basis, fmt.Errorf("find the flows of %s: %w", says.Where, err)
	}
	says.Settings, says.Source = settings, basis.Source
	return r.Of(tenant, says), basis, nil
}

// Tenant resolves the flows of one tenant.
type Tenant struct {
	all    Resolver
	tenant domain.Tenant
	policy flow.Policy
}

// Resolve pins what somebody asks for, for the project or namespace of that path. It
// returns a *domain.Error for what cannot be started, and not_now where a flag cannot be
// read: nobody guesses which way it is.
func (t Tenant) Resolve(ctx context.Context, path string, ask flow.Ask) (flow.Resolved, []flow.Reason, error) {
	var failed error
	resolved, reasons, err := t.all.Catalog.For(t.policy, func(name string) bool {
		on, err := t.flag(ctx, name, path)
		if err != nil && failed == nil {
			failed = &domain.Error{
				Code: domain.CodeNotNow, Message: fmt.Sprintf("flag %s of %s cannot be read now", name, path), Fix: "try again in a moment", Err: err,
			}
		}
		return on
	}, ask)
	if failed != nil {
		return flow.Resolved{}, nil, failed
	}
	return resolved, reasons, err
}

func (t Tenant) flag(ctx context.Context, name, path string) (bool, error) {
	if t.all.Flags == nil {
		return false, nil
	}
	return t.all.Flags(ctx, t.tenant, name, path)
}

// Again is the flow of what goes on with a recorded one. No flag is asked: what was
// recorded holds, or a version of the same configuration that is asked for.
func (t Tenant) Again(recorded workflow.Flow, inline json.RawMessage, constraint string) (flow.Resolved, error) {
	return t.all.Catalog.Again(t.policy, recorded, inline, constraint)
}

// On is nil for a flow that may be started here, and otherwise flow_not_enabled: what is in
// its way, and who can put that right.
func (t Tenant) On(reference string) error { return t.all.Catalog.On(t.policy, reference) }

// StillOn is On for what was started before, whatever became of the catalog since.
func (t Tenant) StillOn(reference string) error { return t.all.Catalog.StillOn(t.policy, reference) }

// Catalog is what there is, for whoever looks around.
func (t Tenant) Catalog() flow.Catalog { return t.all.Catalog }

// Policy is what the tenant and its group say of it.
func (t Tenant) Policy() flow.Policy { return t.policy }
