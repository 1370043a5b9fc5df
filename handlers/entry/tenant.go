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

// Tenant is where what is brought in from elsewhere belongs, and as whom runs act.
type Tenant struct {
	Namespace *workflow.Container
	// Project may be nil: workflows then belong to the namespace.
	Project        *workflow.Container
	ServiceAccount string
	Engine         string
}
