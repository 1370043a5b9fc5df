// Package relay publishes accepted events to the topic duolog.events: the owner
// of partition p writes its p, in order, each event with its position in the
// journal, and goes on after the last one it finds there.
//
// A crash between two writes loses nothing and repeats nothing: what was
// written is found again, also behind records of others. Two owners at once,
// for the seconds a lease overlaps, may write an event twice, with the same id.
package relay

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
)

// Commits reads accepted commits of a partition in order, from an offset on.
type Commits interface {
	From(ctx context.Context, partition int32, offset int64, limit int) ([]projections.Accepted, error)
}

// Topic is the events topic. LastEvent is the last record that is ours, nil
// where none ever was. An AppendEvents that failed may have written all, none
// or the first of the messages, never later ones alone. Ends are those of the
// journal.
type Topic interface {
	LastEvent(ctx context.Context, partition int32, ours func(journal.Record) (bool, error)) (*journal.Record, error)
	AppendEvents(ctx context.Context, partition int32, messages []journal.Message) error
	Ends(ctx context.Context) (map[int32]int64, error)
}

// Visible tells when the read models of a partition move, and how far they are.
type Visible interface {
	Changed(partition int32) <-chan struct{}
	Next(partition int32) int64
}

// Traces finds the traceparents of those of the commits that have one.
type Traces interface {
	Commits(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error)
}

// Config is what a Relay is made of.
type Config struct {
	Commits    Commits
	Topic      Topic
	Visible    Visible
	Partitions int32
	// Log is the id of the log; each event names it beside its position.
	Log    uuid.UUID
	Logger *slog.Logger
	// Tracer traces the publishing of commits that have a trace, by Traces; the
	// zero value nothing.
	Tracer tracing.Tracer
	Traces Traces
	// Gather is how long events of agents' steps may wait for others to be published
	// with, 10 ms when zero. Longer delays who reads them on the topic; shorter takes
	// processor and broker from the next step, once for each.
	Gather time.Duration
	// Observe is told of each batch of events that was published; nil to leave it
	// out.
	Observe func(partition int32, events int)
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Relay publishes the events of the partitions it is given.
type Relay struct {
	cfg Config

	mu sync.Mutex
	// next is, by partition that is published here, the first offset whose events
	// are not published.
	next map[int32]int64
}

// New makes a Relay. It starts nothing.
func New(cfg Config) *Relay {
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(int32, int) {}
	}
	cfg.Gather = cmp.Or(cfg.Gather, gather)
	return &Relay{cfg: cfg, next: map[int32]int64{}}
}

// Next is, by partition that is published here now, the first offset whose events
// are not published.
func (r *Relay) Next() map[int32]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.next)
}

func (r *Relay) reached(partition int32, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next[partition] = next
}

func (r *Relay) left(partition int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.next, partition)
}

const (
	// batchCommits is how many commits are read and published at once.
	batchCommits = 200
	// shortest and longest are the pauses after an error.
	shortest, longest = 100 * time.Millisecond, 10 * time.Second
	gather            = 10 * time.Millisecond
)

// Run publishes one partition until ctx ends; it returns nil. After an error it
// finds its place in the topic anew: a topic that cannot be used holds up its
// readers, but not who projects the partition.
func (r *Relay) Run(ctx context.Context, partition int32) error {
	r.reached(partition, 0) // nothing is known to be published until its place is found
	defer r.left(partition)
	for pause := shortest; ctx.Err() == nil; pause = min(2*pause, longest) {
		began, err := r.run(ctx, partition)
		if began {
			pause = shortest
		}
		if ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "events are not published", slog.Int("partition", int(partition)), slog.Any("error", err))
		}
		wait.For(ctx, pause)
	}
	return nil
}

// run publishes until an error, and says whether it published anything.
func (r *Relay) run(ctx context.Context, partition int32) (began bool, err error) {
	at, skip, err := r.resume(ctx, partition)
	if err != nil {
		return false, err
	}
	for {
		changed, shown := r.cfg.Visible.Changed(partition), r.cfg.Visible.Next(partition)
		next := at
		if at < shown { // otherwise there is nothing to be read
			if next, err = r.publish(ctx, partition, at, skip); err != nil {
				return began, err
			}
		}
		if next > at {
			at, skip, began = next, 0, true
			r.reached(partition, at)
			continue
		}
		r.reached(partition, max(at, shown)) // what was shown and is no commit needs no publishing
		select {
		case <-changed:
		case <-ctx.Done():
			return began, ctx.Err()
		}
	}
}

// resume is the offset to go on from, and how many events of the commit there
// are published already.
func (r *Relay) resume(ctx context.Context, partition int32) (offset int64, skip int, err error) {
	var last feed.Origin
	record, err := r.cfg.Topic.LastEvent(ctx, partition, func(record journal.Record) (ours bool, err error) {
		last, ours, err = r.published(ctx, partition, record)
		return ours, err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("find the last event of partition %d: %w", partition, err)
	}
	if record == nil {
		return 0, 0, nil
	}
	return last.Position.Offset, last.Index + 1, nil
}

// published says whether a record of the events topic is an event of ours:
// whether the commit it names stands where it says. To go on behind any other
// record could leave events out.
func (r *Relay) published(ctx context.Context, partition int32, record journal.Record) (feed.Origin, bool, error) {
	o, err := feed.OriginOf(record)
	if err != nil || o.Position.Partition != partition {
		return o, false, nil //nolint:nilerr // not ours
	}
	ends, err := r.cfg.Topic.Ends(ctx)
	if err != nil || o.Position.Offset >= ends[partition] {
		return o, false, err
	}
	for {
		changed := r.cfg.Visible.Changed(partition)
		found, err := r.cfg.Commits.From(ctx, partition, o.Position.Offset, 1)
		if err != nil {
			return o, false, err
		}
		if len(found) > 0 {
			c := found[0]
			return o, c.Position == o.Position && c.Commit.ID == o.Commit && o.Index < len(c.Commit.Events), nil
		}
		// The read models are not there yet: a rebuild goes on, or a Postgres that
		// lost its last transactions catches up.
		select {
		case <-changed:
		case <-ctx.Done():
			return o, false, ctx.Err()
		}
	}
}

// publish writes the events of the next commits and returns where to go on.
func (r *Relay) publish(ctx context.Context, partition int32, from int64, skip int) (next int64, err error) {
	commits, err := r.gather(ctx, partition, from)
	if err != nil || len(commits) == 0 {
		return from, err
	}
	spans, err := r.trace(ctx, commits)
	if err != nil {
		return from, err
	}
	defer func() { spans.end(err) }()
	var messages []journal.Message
	for _, c := range commits {
		events := feed.Of(c.Commit, c.Position)
		if c.Position.Offset == from {
			events = events[min(skip, len(events)):]
		}
		for _, e := range events {
			m, err := e.Message(partition, r.cfg.Partitions, r.cfg.Log)
			if err != nil {
				return from, err
			}
			messages = append(messages, spans.carry(c, m))
		}
	}
	r.cfg.Point("relay.before_publish")
	if len(messages) > 0 {
		if err := r.cfg.Topic.AppendEvents(ctx, partition, messages); err != nil {
			return from, fmt.Errorf("publish events of partition %d from %d: %w", partition, from, err)
		}
	}
	r.cfg.Point("relay.after_publish")
	r.cfg.Observe(partition, len(messages))
	return commits[len(commits)-1].Position.Offset + 1, nil
}
