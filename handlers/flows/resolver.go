package flows

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
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

// Catalog is what there is, for whoever looks around.
func (t Tenant) Catalog() flow.Catalog { return t.all.Catalog }

// Policy is what the tenant says of it.
func (t Tenant) Policy() flow.Policy { return t.policy }
