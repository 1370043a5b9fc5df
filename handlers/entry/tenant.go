package entry

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// Tenants says how a tenant is set up. It returns forbidden for a tenant it
// does not know.
type Tenants interface {
	Tenant(ctx context.Context, name domain.Tenant) (Tenant, error)
}

// Tenant is where the workflows of a tenant belong and what they get unless
// they say otherwise.
type Tenant struct {
	Namespace *workflow.Container
	// Project may be nil: workflows then belong to the namespace.
	Project        *workflow.Container
	ServiceAccount string
	Engine         string
	// Flow is what a workflow runs that names none.
	Flow workflow.Flow
	// ResolveFlow pins the version of a flow that a client names. It returns a
	// *domain.Error for a flow the tenant may not use; nil takes each name as it
	// is.
	ResolveFlow func(reference string) (workflow.Flow, error)
}

// flowFor pins the flow a client names, or the tenant's.
func flowFor(reference string, t Tenant) (workflow.Flow, error) {
	switch {
	case reference == "" || reference == t.Flow.Definition:
		return t.Flow, nil
	case t.ResolveFlow == nil:
		return workflow.Flow{Definition: reference}, nil
	}
	return t.ResolveFlow(reference)
}
