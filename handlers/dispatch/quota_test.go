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

// TestTriggersLeaveRoomForAgents: new triggers take an eighth of what a tenant
// may have in flight. Beyond it they are refused, also while most of the quota
// is free, and an agent's write goes on.
func TestTriggersLeaveRoomForAgents(t *testing.T) {
	t.Parallel()
	gate := &gated{open: make(chan struct{}), waiting: make(chan struct{}, 1)}
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{
		TenantBytes: 8 * 10 << 10, // two small triggers are an eighth
		Log:         func(l dispatch.Log) dispatch.Log { gate.Log = l; return gate },
	})
	done := make(chan error, 2)
	for range 2 {
		go func() { _, err := try(t.Context(), n, stream(), start()); done <- err }()
		<-gate.waiting
	}
	if _, err := try(t.Context(), n, stream(), start()); domain.CodeOf(err) != domain.CodeRateLimited {
		t.Errorf("a third trigger: %v", err)
	}
	agent := make(chan error, 1)
	go func() { _, err := try(t.Context(), n, stream(), checkpoint(nil, 1)); agent <- err }()
	if err := <-agent; domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("an agent's write to a workflow that is not there: %v", err)
	}
	close(gate.open)
	for range 2 {
		if err := <-done; err != nil {
			t.Errorf("a trigger: %v", err)
		}
	}
}
