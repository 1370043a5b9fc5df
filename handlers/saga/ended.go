package saga

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// ended is the end of a run with the workflow it belongs to.
type ended struct {
	event  feed.Event
	end    workflow.WorkloadFinished
	number int64
	state  workflow.State
}

// ended reads the end of a run that matters: nil when the event is another one,
// when a newer run has taken over, or when one will.
func (c Core) ended(ctx context.Context, decoder workflow.Decoder, e feed.Event) (*ended, error) {
	end, err := finished(decoder, e)
	if err != nil || end == nil {
		return nil, err
	}
	snap, err := c.States.Load(ctx, e.Stream, projections.SnapshotWant{})
	if err != nil {
		return nil, stored.Transient(err)
	}
	run := snap.Workflow.Run
	switch {
	case run == nil || snap.Workflow.Epoch < end.Epoch || run.ID == end.Run && run.Phase != workflow.RunPhaseFinished:
		return nil, behind(e)
	case run.ID != end.Run:
		return nil, nil
	}
	if c.Restarts != nil {
		again, err := c.Restarts(ctx, e.Stream, end.Epoch, end.Reason)
		if err != nil || again {
			return nil, stored.Transient(err)
		}
	}
	return &ended{event: e, end: *end, number: snap.Number, state: snap.Workflow}, nil
}

func (w *ended) order(saga, system string) order {
	who := w.state.Created.Principal
	return order{
		saga: saga, event: w.event, stream: w.event.Stream,
		principal: domain.Principal{User: who.User, ServiceAccount: who.ServiceAccount, System: system},
	}
}
