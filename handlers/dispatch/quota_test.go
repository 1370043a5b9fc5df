package dispatch_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

// gated lets no append through until it is opened, and tells of each that waits.
type gated struct {
	dispatch.Log

	open    chan struct{}
	waiting chan struct{}
}

func (g *gated) Append(ctx context.Context, m []journal.Message) ([]domain.Position, error) {
	select {
	case g.waiting <- struct{}{}:
	default:
	}
	<-g.open
	return g.Log.Append(ctx, m)
}

// TestQuotaRefusesTriggersAndHoldsAgents: above what a tenant may have in
// flight, a new trigger is told to come again and an agent's write waits.
// Another tenant does not notice.
func TestQuotaRefusesTriggersAndHoldsAgents(t *testing.T) {
	t.Parallel()
	gate := &gated{open: make(chan struct{}), waiting: make(chan struct{}, 1)}
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{
		TenantBytes: 5 << 10, // one small command
		Log:         func(l dispatch.Log) dispatch.Log { gate.Log = l; return gate },
	})
	id := stream()
	first := make(chan error, 1)
	go func() { _, err := try(t.Context(), n, id, start()); first <- err }()
	<-gate.waiting
	if _, err := try(t.Context(), n, stream(), start()); domain.CodeOf(err) != domain.CodeRateLimited {
		t.Errorf("a second trigger: %v", err)
	}
	agent := make(chan error, 1)
	go func() { _, err := try(t.Context(), n, id, checkpoint(nil, 1)); agent <- err }()
	other := domain.StreamID{Tenant: "globex", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
	others := make(chan error, 1)
	go func() { _, err := try(t.Context(), n, other, start()); others <- err }()
	close(gate.open)
	for name, done := range map[string]chan error{"the first trigger": first, "the agent's write": agent, "the other tenant": others} {
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
