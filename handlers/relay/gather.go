package relay

import (
	"context"
	"slices"
	"time"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
)

// gather reads the commits to publish next. While they are steps of agents alone it
// waits for more: an agent takes its next step as soon as one is answered, and to
// publish each by itself would take processor and broker from that one. Whatever else
// shows goes at once, with what waited.
func (r *Relay) gather(ctx context.Context, partition int32, from int64) ([]projections.Accepted, error) {
	limit := time.NewTimer(r.cfg.Gather)
	defer limit.Stop()
	var all []projections.Accepted
	for at, seen := from, from; ; {
		changed, shown := r.cfg.Visible.Changed(partition), r.cfg.Visible.Next(partition)
		if seen < shown {
			some, err := r.cfg.Commits.From(ctx, partition, at, batchCommits-len(all))
			if err != nil {
				return nil, err
			}
			all, seen = append(all, some...), shown
			if len(all) == 0 || len(all) == batchCommits || slices.ContainsFunc(some, isMore) {
				return all, nil
			}
			at = all[len(all)-1].Position.Offset + 1
		}
		select {
		case <-changed:
		case <-limit.C:
			return all, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isMore says whether a commit is more than steps of an agent.
func isMore(c projections.Accepted) bool {
	return slices.ContainsFunc(c.Commit.Events, func(e journal.Event) bool {
		switch e.Type {
		case workflow.Checkpointed{}.EventType(), workflow.WritesRecorded{}.EventType(), workflow.CommandsJoined{}.EventType():
			return false
		}
		return true
	})
}
