package permission

import (
	"cmp"
	"context"
	"errors"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/flows"
)

// Here tells what holds for a flow in a place: what the tenant says of it, and what the
// root group there does.
type Here struct {
	Switches flows.Switches
	Flows    flows.Resolver
	// Says is what the tenant says for a path, and what it lets nobody do there. It
	// returns a *domain.Error for a tenant that is not known.
	Says func(tenant domain.Tenant, path string) (flow.Policy, []access.Action, error)
}

// Place asks once what the group says. A group that is not there has nothing on.
func (h Here) Place(ctx context.Context, q Question) (Place, error) {
	says, denied, err := h.Says(q.Tenant, q.Path)
	if err != nil {
		return Place{}, err
	}
	reference := h.reference(cmp.Or(q.Flow, says.Default.Definition))
	out := Place{Denied: denied, Flow: access.Flow{Reference: reference, Enabled: q.Elsewhere}}
	if q.Elsewhere {
		return out, nil
	}
	here, _, err := h.Flows.At(ctx, h.Switches, q.Tenant, says)
	if absent(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	goesOn := q.Recorded || q.Action == access.Resume || q.Action == access.Steer
	out.Flow = FlowOf(here, reference, goesOn)
	return out, nil
}

// reference is what people ask for as the flow. A workflow that does not say so was
// pinned to what may have another name.
func (h Here) reference(name string) string {
	if _, known := h.Flows.Catalog.Find(name); known {
		return name
	}
	return h.Flows.Catalog.ReferenceOf(workflow.Flow{Definition: name})
}

// FlowOf is what is known of a flow at a place: whether it may be started there or, of
// what is recorded, whether it is still on.
func FlowOf(here flows.Tenant, reference string, recorded bool) access.Flow {
	err := here.On(reference)
	if recorded {
		err = here.StillOn(reference)
	}
	off, _ := errors.AsType[*domain.Error](err)
	return access.Flow{Reference: reference, Enabled: err == nil, Off: off}
}
