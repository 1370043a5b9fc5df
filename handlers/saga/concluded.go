package saga

import (
	"context"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// concluded reads that the agent of a run says it has finished, or that it waits for a
// person, while its workload has not ended: nil when the event is another one, or
// somebody else's, or when the run was answered or the workflow stands otherwise by now.
// What is passed over here is not lost: the end of the workload follows.
func (c Core) concluded(ctx context.Context, decoder workflow.Decoder, e feed.Event) (*ended, error) {
	if concludes, err := concludes(decoder, e); err != nil || !concludes {
		return nil, err
	}
	snap, err := c.States.Load(ctx, e.Stream, projections.SnapshotWant{})
	if err != nil {
		return nil, stored.Transient(err)
	}
	s := snap.Workflow
	run := s.ActiveRun()
	if run == nil || run.ID != e.Actor.Run.ID || s.Answered == run.ID {
		return nil, nil
	}
	end := workflow.WorkloadFinished{Run: run.ID, Epoch: run.Epoch, Status: workflow.WorkloadSuccess}
	return &ended{event: e, end: end, number: snap.Number, state: s}, nil
}

// concludes says whether it is a run itself that ends its session, or asks a person.
func concludes(decoder workflow.Decoder, e feed.Event) (bool, error) {
	if e.Actor.Run == nil {
		return false, nil
	}
	event, err := decoder.Decode(journal.Event{Type: e.Type, V: e.V, Data: e.Data})
	if err != nil {
		return false, err
	}
	switch event := event.(type) {
	case workflow.StatusChanged:
		return event.To == workflow.StatusFinished || event.To.AwaitsHuman(), nil
	case workflow.QuestionSaved:
		return true, nil
	default:
		return false, nil
	}
}
