package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

// watched tells when its end is asked for.
type watched struct {
	dispatch.Log
	asked chan struct{}
}

func (l watched) LastFrom(ctx context.Context, at domain.Position) (domain.Position, bool, error) {
	last, found, err := l.Log.LastFrom(ctx, at)
	select {
	case l.asked <- struct{}{}:
	default:
	}
	return last, found, err
}

// TestARefusalContradictsNothing: a command stands in the log and does not show yet, and
// who sent it sends it again to another node. On what shows there it would be refused, as
// what came before it does not show either.
func TestARefusalContradictsNothing(t *testing.T) {
	t.Parallel()
	c, id := nodetest.NewCluster(t), stream()
	first := c.Start(t, nodetest.Options{})
	do(t, first, id, start())
	first.Stop()

	of := func(event workflow.StatusEvent) dispatch.Request {
		return dispatch.Request{Stream: id, Workflow: &workflow.UpdateStatus{Event: event}, Principal: domain.Principal{User: "mia"}, CommandID: uuid.Must(uuid.NewV7())}
	}
	begins, pauses := of(workflow.EventStart), of(workflow.EventPause)
	a := c.Start(t, nodetest.Options{NoProjector: true})
	for _, answer := range a.Dispatch.DoAll(within(t, time.Second), []dispatch.Request{begins, pauses}) {
		if domain.CodeOf(answer.Err) != domain.CodeNotNow {
			t.Fatalf("nothing shows, and it is answered %+v", answer)
		}
	}
	a.Stop()

	asked := make(chan struct{}, 1)
	b := c.Start(t, nodetest.Options{NoProjector: true, Log: func(l dispatch.Log) dispatch.Log { return watched{l, asked} }})
	answered := make(chan error, 1)
	go func() {
		r, err := b.Dispatch.Do(within(t, 30*time.Second), pauses)
		if err == nil && (r.Changed || r.Workflow.Status != workflow.StatusPaused) {
			t.Errorf("it was done, and is answered %+v", r)
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("it was done, and is refused: %v", err)
	case <-asked:
	}
	c.Start(t, nodetest.Options{})
	if err := <-answered; err != nil {
		t.Errorf("it was done, and is refused: %v", err)
	}
}
