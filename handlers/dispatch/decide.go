package dispatch

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/projections"
)

// decide decides the batch, on what is remembered of the stream where that is
// enough and every command appends: the chain then proves that nothing was
// missed. A refusal, or that it was so already, is only said on a look at what
// is there now; a refusal of what may stand in the log already, on all that stands there.
func (d *Dispatcher) decide(ctx context.Context, id domain.StreamID, batch []*waiter) (*session, []decided, error) {
	want := wanted(batch)
	known, shared := d.warm.take(id)
	var left projections.Snapshot // what of it the decisions do not change
	if known != nil {
		left.Head, left.Carried = known.Head, known.Carried
	}
	if known != nil && !shared && known.Holds(want) {
		if err := d.loadDone(ctx, known, batch); err != nil {
			return nil, nil, err
		}
		s := d.session(known)
		if outcomes := d.decideOn(s, batch); appendsAll(outcomes) {
			return s, outcomes, nil
		}
		known = nil // the decisions have changed it
	}
	elsewhere, whole := map[workflow.ChannelAt]workflow.FoundAt{}, false
	for {
		snap, err := d.load(ctx, id, want, batch)
		if err != nil {
			return nil, nil, err
		}
		if known != nil && known.Head == snap.Head {
			d.warm.alone(id)
			snap.Merge(known)
		}
		if left.Carried != nil && left.Head == snap.Head {
			snap.Carried = left.Carried
		}
		known = nil
		if err := d.findElsewhere(ctx, snap, elsewhere); err != nil {
			return nil, nil, err
		}
		s := d.session(snap)
		outcomes := d.decideOn(s, batch)
		if needMore(outcomes, elsewhere) {
			continue
		}
		if whole || !mayContradict(batch, outcomes) {
			return s, outcomes, nil
		}
		behind, err := d.catchUp(ctx, snap)
		if err != nil || !behind {
			return s, outcomes, err
		}
		whole = true
	}
}

// mayContradict says whether something is refused that may have been carried out: an
// attempt before this one may have put it in the log, where it does not show yet.
func mayContradict(batch []*waiter, outcomes []decided) bool {
	for i, o := range outcomes {
		if o.err != nil && !batch[i].req.Fresh {
			return true
		}
	}
	return false
}

// catchUp waits until all shows that stands in the partition of the stream by now. It
// says whether there was more than the snapshot has.
func (d *Dispatcher) catchUp(ctx context.Context, snap *projections.Snapshot) (behind bool, err error) {
	partition := journal.PartitionOf([]byte(snap.Stream.String()), d.cfg.Partitions)
	last, behind, err := d.cfg.Log.LastFrom(ctx, domain.Position{Partition: partition, Offset: snap.Next})
	if err != nil || !behind {
		return false, err
	}
	return true, d.cfg.Visible.Wait(ctx, last)
}

// needMore notes what has to be looked for before all can be decided. What was looked
// for already, and is needed still, was removed meanwhile: that command comes again.
func needMore(outcomes []decided, elsewhere map[workflow.ChannelAt]workflow.FoundAt) bool {
	more := false
	for _, o := range outcomes {
		for _, at := range o.needs {
			if _, asked := elsewhere[at]; !asked {
				elsewhere[at], more = workflow.FoundAt{}, true
			}
		}
	}
	if more {
		return true
	}
	for i := range outcomes {
		if len(outcomes[i].needs) > 0 {
			outcomes[i].err = notNow("what it stands on was removed meanwhile")
		}
	}
	return false
}

func appendsAll(outcomes []decided) bool {
	for _, o := range outcomes {
		if o.in == nil {
			return false
		}
	}
	return true
}

func (d *Dispatcher) decideOn(s *session, batch []*waiter) []decided {
	outcomes := make([]decided, len(batch))
	now := d.cfg.Now().UTC().Truncate(time.Microsecond)
	for i, w := range batch {
		_, span := tracing.Start(w.ctx, "decide")
		outcomes[i] = s.decide(w.req, i, now)
		span.End(outcomes[i].err)
	}
	s.settle(outcomes)
	return outcomes
}

func (d *Dispatcher) session(snap *projections.Snapshot) *session {
	return &session{
		snap: snap, head: snap.Head, time: snap.Time, partitions: d.cfg.Partitions, newID: d.cfg.NewID,
		runless: d.cfg.AllowRunless(snap.Stream.Tenant), fenced: d.cfg.FenceWriters(snap.Stream.Tenant), pending: map[uuid.UUID]int{},
	}
}

// remember keeps the stream as the batch left it, for the next one. What a
// stopped stream was decided on does not show, and so is not kept.
func (d *Dispatcher) remember(s *session, batch []*waiter, outcomes []decided, verdicts []verdict) {
	for i, v := range verdicts {
		if outcomes[i].in != nil && !v.follow {
			return
		}
	}
	if s.snap.Stopped != "" || s.ghost {
		return
	}
	number := s.snap.Number
	if number < 0 {
		number = d.firstNumber(verdicts)
	}
	if number == 0 && s.head == (journal.Hash{}) {
		return // there is no such stream
	}
	s.snap.Follow(s.head, s.time, number)
	s.snap.Carry(carried(batch, outcomes))
	d.warm.put(s.snap)
}

// carried are the commands that changed something.
func carried(batch []*waiter, outcomes []decided) []uuid.UUID {
	var out []uuid.UUID
	for i, o := range outcomes {
		if o.in != nil {
			out = append(out, batch[i].req.CommandID)
		}
	}
	return out
}

// wanted is what all commands of the batch are decided on.
func wanted(batch []*waiter) projections.SnapshotWant {
	var w projections.SnapshotWant
	for _, waiter := range batch {
		r := waiter.req
		w.Commands = append(w.Commands, r.CommandID)
		if r.Directory != nil {
			w.Directory = append(w.Directory, r.Directory.Want()...)
			continue
		}
		if r.Conversation != nil {
			w.Conversation.Messages = append(w.Conversation.Messages, r.Conversation.Want().Messages...)
			continue
		}
		want := r.Workflow.Want(workflow.State{}, workflow.Env{})
		w.Workflow.Checkpoints = append(w.Workflow.Checkpoints, want.Checkpoints...)
		w.Workflow.Base = append(w.Workflow.Base, want.Base...)
		w.Workflow.Latest = append(w.Workflow.Latest, want.Latest...)
		w.Workflow.Newest = append(w.Workflow.Newest, want.Newest...)
		w.Workflow.Writes = append(w.Workflow.Writes, want.Writes...)
		w.Workflow.Deliveries = append(w.Workflow.Deliveries, want.Deliveries...)
		w.Workflow.Versions = append(w.Workflow.Versions, want.Versions...)
		w.Workflow.Tree = w.Workflow.Tree || want.Tree
		w.Workflow.Runs = append(w.Workflow.Runs, want.Runs...)
	}
	return w
}
