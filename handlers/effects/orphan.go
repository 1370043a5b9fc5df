package effects

import (
	"context"
	"log/slog"
	"time"

	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/intents"
)

// orphanCheck is how often the owner of a partition looks for runs whose node
// is gone.
const orphanCheck = 5 * time.Second

// watchOrphans ends, until ctx ends, the runs of a partition whose node has not
// lived for a while. The node's lease is no fact of the log: it only leads to a
// command. A node that comes back finds its runs ended, and what they still
// write is refused as that of an older run once another one was requested.
func (r *Runner) watchOrphans(ctx context.Context, partition int32) {
	every(ctx, min(orphanCheck, r.cfg.Missing/2), func() {
		if err := r.endOrphans(ctx, partition); err != nil && ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "runs of missing nodes not ended", slog.Int("partition", int(partition)), slog.Any("error", err))
		}
	})
}

// every calls look again and again until ctx ends.
func every(ctx context.Context, pause time.Duration, look func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		look()
	}
}

// endOrphans is one look. For a while after the start nobody counts as missing:
// nodes that were down together come back one after another.
func (r *Runner) endOrphans(ctx context.Context, partition int32) error {
	if r.cfg.Now().Sub(r.began) < r.cfg.Missing {
		return nil
	}
	orphans, err := r.cfg.Intents.Orphans(ctx, partition, r.boundEngines(), r.cfg.Missing)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if err := r.endOrphan(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) endOrphan(ctx context.Context, o intents.Orphan) error {
	snap, err := r.cfg.States.Load(ctx, o.Stream, projections.SnapshotWant{})
	if err != nil {
		return err
	}
	run := snap.Workflow.ActiveRun()
	if run == nil || run.ID != o.Run {
		return nil
	}
	r.cfg.Logger.WarnContext(ctx, "run lost with its node", slog.String("stream", o.Stream.String()), slog.String("node", o.Node))
	return r.ReportFinished(ctx, engine.Finished{
		Tenant: o.Stream.Tenant, Workflow: o.Stream.ID, RunID: run.ID, Epoch: run.Epoch, WorkloadID: run.Workload,
		Status: engine.StatusFailed, Reason: engine.ReasonLost, LogTail: "node " + o.Node + ", where the run was, is gone",
	})
}

func (r *Runner) boundEngines() []string {
	var out []string
	for name, e := range r.cfg.Engines {
		if _, bound := e.(Bound); bound {
			out = append(out, name)
		}
	}
	return out
}
