package trigger

import (
	"context"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/projections"
)

// FollowUp is what becomes of a message for a workflow while a run is under way: what
// its root group says, and else the tenant. It returns not_now where that cannot be told.
func (t *Trigger) FollowUp(ctx context.Context, stream domain.StreamID) (workflow.FollowUpPolicy, error) {
	policy, _ := t.cfg.Policy(stream.Tenant)
	snap, err := t.cfg.States.Load(ctx, stream, projections.SnapshotWant{})
	if err != nil {
		return "", stored.Transient(err)
	}
	c := snap.Workflow.Created
	if c == nil || c.Namespace == nil {
		return policy.FollowUp, nil
	}
	settings, _, err := t.cfg.Directory.Flows(ctx, stream.Tenant, c.Namespace.Path)
	switch said := settings.Policy(entities.PolicyFollowUp); {
	case missing(err):
		return policy.FollowUp, nil
	case err != nil:
		return "", stored.Transient(fmt.Errorf("find what %s says of messages: %w", c.Namespace.Path, err))
	case slices.Contains(entities.FollowUps(), said):
		return workflow.FollowUpPolicy(said), nil
	}
	return policy.FollowUp, nil
}
