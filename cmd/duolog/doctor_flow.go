package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/operations"
)

const publishes = "events are published"

// checkRelay looks for the place from which each partition's events go on, as the
// relay does, and counts what waits behind it.
func checkRelay(ctx context.Context, p *patient) []finding {
	if !p.agrees {
		return []finding{notLooked(publishes, "there is no database of this log", "")}
	}
	commits, err := projections.NewCommits(p.db.Read, nil)
	if err != nil {
		return []finding{failed(publishes, err)}
	}
	ends, err := p.log.Ends(ctx)
	if err != nil {
		return []finding{failed(publishes, err)}
	}
	owners, err := operations.New(p.db.Read).Owners(ctx)
	if err != nil {
		return []finding{failed(publishes, err)}
	}
	relay := place{p, commits, ends}
	var waiting, idle int64
	for partition := range p.log.Genesis().Partitions {
		n, err := relay.waiting(ctx, partition)
		if err != nil {
			f := failed(publishes, err)
			f.Problem = fmt.Sprintf("partition %d: %s", partition, f.Problem)
			return []finding{f}
		}
		if waiting += n; owners[partition].Node == "" {
			idle += n
		}
	}
	return []finding{published(waiting, idle)}
}

func published(waiting, idle int64) finding {
	switch {
	case idle > 0:
		return warn(publishes, fmt.Sprintf("%d commits wait, %d of them in partitions without an owner", waiting, idle), "start a node: duolog serve, or duolog dev")
	case waiting > manyWaiting:
		return warn(publishes, fmt.Sprintf("%d commits wait", waiting), "look again: duolog doctor. If it grows, the log of the nodes says why (events are not published)")
	}
	return well(publishes, fmt.Sprintf("%d commits wait", waiting))
}

// place finds where the relay of a partition goes on.
type place struct {
	p       *patient
	commits *projections.Commits
	ends    map[int32]int64
}

// waiting counts the commits behind the last event that is ours.
func (r place) waiting(ctx context.Context, partition int32) (int64, error) {
	last := int64(-1)
	_, err := r.p.log.LastEvent(ctx, partition, func(record journal.Record) (bool, error) {
		o, err := feed.OriginOf(record)
		if err != nil || o.Position.Partition != partition || o.Position.Offset >= r.ends[partition] {
			return false, nil //nolint:nilerr // not ours
		}
		found, err := r.commits.From(ctx, partition, o.Position.Offset, 1)
		if err != nil || len(found) == 0 || found[0].Position != o.Position || found[0].Commit.ID != o.Commit {
			return false, err
		}
		last = o.Position.Offset
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	return operations.New(r.p.db.Read).After(ctx, partition, last)
}

// checkGroups looks at what consumes topics: the inbox of commands and the sagas.
func checkGroups(ctx context.Context, p *patient) []finding {
	if p.log == nil {
		return []finding{notLooked("inbox and sagas keep up", "the log is not open", "")}
	}
	out := []finding{checkGroup(ctx, p, "inbox keeps up", inbox.Group, p.kafka.CommandsTopic())}
	for _, s := range []saga.Saga{&saga.Trigger{}, &saga.FollowUp{}, &saga.Status{}, &saga.Callback{}, &saga.Hooks{}} {
		out = append(out, checkGroup(ctx, p, "saga "+s.Name()+" keeps up", saga.Group(s), p.kafka.EventsTopic()))
	}
	return out
}

func checkGroup(ctx context.Context, p *patient, name, group, topic string) finding {
	g, err := p.log.Group(ctx, group, topic)
	switch {
	case err != nil:
		return failed(name, err)
	case g.Lag > 0 && g.Members == 0:
		return warn(name, fmt.Sprintf("%d records wait and nobody reads them", g.Lag), "start a node: duolog serve, or duolog dev")
	case g.Lag > manyWaiting:
		return warn(name, fmt.Sprintf("%d records wait for %d readers", g.Lag, g.Members),
			"look again: duolog doctor. If it grows, the log of the nodes says what holds it up, and "+strings.TrimSuffix(topic, ".events")+" can be shared by more nodes")
	}
	return well(name, fmt.Sprintf("%d records wait, %d readers", g.Lag, g.Members))
}
