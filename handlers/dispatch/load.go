package dispatch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
)

func (d *Dispatcher) load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant, batch []*waiter) (*projections.Snapshot, error) {
	snap, err := d.loadShowing(ctx, id, w)
	if err != nil {
		return nil, err
	}
	return snap, d.loadBlobs(ctx, snap, batch)
}

// loadDone looks up what became of commands that may have been carried out, in a
// cut that shows at least what is remembered of the stream. Of a stream that is
// remembered from its beginning it is known which were: the chain proves that as well.
func (d *Dispatcher) loadDone(ctx context.Context, snap *projections.Snapshot, batch []*waiter) error {
	var commands []uuid.UUID
	for _, w := range batch {
		if !w.req.Fresh && snap.MayBeDone(w.req.CommandID) {
			commands = append(commands, w.req.CommandID)
		}
	}
	if len(commands) == 0 {
		return nil
	}
	return d.showing(ctx, snap.Stream, func() (next int64, err error) {
		snap.Done, next, err = d.cfg.Facts.Done(ctx, snap.Stream, commands)
		return next, err
	})
}

// loadShowing loads a cut that shows all that this process answered: deciding
// on less would contradict it.
func (d *Dispatcher) loadShowing(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error) {
	var snap *projections.Snapshot
	err := d.showing(ctx, id, func() (next int64, err error) {
		if snap, err = d.cfg.Facts.Load(ctx, id, w); err != nil {
			return 0, err
		}
		return snap.Next, nil
	})
	return snap, err
}

// showing looks until the cut it sees shows all that this process answered.
func (d *Dispatcher) showing(ctx context.Context, id domain.StreamID, look func() (next int64, err error)) error {
	partition := journal.PartitionOf([]byte(id.String()), d.cfg.Partitions)
	for {
		next, err := look()
		if err != nil || d.cfg.Visible.Shows(partition, next) {
			return err
		}
		if !wait.For(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// loadBlobs asks which of the new bytes the stream has already, where there are
// enough of them to matter.
func (d *Dispatcher) loadBlobs(ctx context.Context, snap *projections.Snapshot, batch []*waiter) error {
	for _, w := range batch {
		c, ok := w.req.Workflow.(curious)
		if !ok {
			continue
		}
		addresses := c.WantBlobs(snap.Facts)
		if len(addresses) == 0 {
			continue
		}
		known, err := d.cfg.Facts.Blobs(ctx, snap.Stream, addresses)
		if err != nil {
			return err
		}
		for a := range known {
			snap.Facts.Blobs[a] = true
		}
	}
	return nil
}

// findElsewhere looks for the values of channels among all checkpoints of their
// namespaces.
func (d *Dispatcher) findElsewhere(ctx context.Context, snap *projections.Snapshot, wanted map[workflow.ChannelAt]workflow.FoundAt) error {
	if len(wanted) == 0 {
		return nil
	}
	return d.cfg.Facts.FindChannels(ctx, snap, slices.Collect(maps.Keys(wanted)))
}
