// Package relay publishes accepted events to the topic duolog.events: the owner
// of partition p writes its p, in order, each event with its position in the
// journal, and goes on after the last one it finds there.
//
// A crash between two writes loses nothing and repeats nothing: what was
// written is found again. Two owners at once, for the seconds a lease overlaps,
// may write an event twice, with the same id.
package relay

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// Commits reads accepted commits of a partition in order, from an offset on.
type Commits interface {
	From(ctx context.Context, partition int32, offset int64, limit int) ([]projections.Accepted, error)
}

// Topic is the events topic. LastEvent is nil for an empty partition; an
// AppendEvents that failed may have written some, all or none.
type Topic interface {
	LastEvent(ctx context.Context, partition int32) (*journal.Record, error)
	AppendEvents(ctx context.Context, partition int32, messages []journal.Message) error
}

// Visible tells when a position is visible.
type Visible interface {
	Wait(ctx context.Context, at domain.Position) error
	Next(partition int32) int64
}

// Config is what a Relay is made of.
type Config struct {
	Commits    Commits
	Topic      Topic
	Visible    Visible
	Partitions int32
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Relay publishes the events of the partitions it is given.
type Relay struct{ cfg Config }

// New makes a Relay. It starts nothing.
func New(cfg Config) *Relay {
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	return &Relay{cfg: cfg}
}

// batchCommits is how many commits are read and published at once.
const batchCommits = 200

// Run publishes one partition until ctx ends. After an error the caller runs it
// again: it finds its place in the topic.
func (r *Relay) Run(ctx context.Context, partition int32) error {
	at, skip, err := r.resume(ctx, partition)
	if err != nil {
		return err
	}
	for {
		seen := r.cfg.Visible.Next(partition)
		next, err := r.publish(ctx, partition, at, skip)
		if err != nil {
			return err
		}
		if next > at {
			at, skip = next, 0
			continue
		}
		if err := r.cfg.Visible.Wait(ctx, domain.Position{Partition: partition, Offset: seen}); err != nil {
			return err
		}
	}
}

// resume is the offset to go on from, and how many events of the commit there
// are published already.
func (r *Relay) resume(ctx context.Context, partition int32) (offset int64, skip int, err error) {
	last, err := r.cfg.Topic.LastEvent(ctx, partition)
	if err != nil {
		return 0, 0, fmt.Errorf("find the last event of partition %d: %w", partition, err)
	}
	if last == nil {
		return 0, 0, nil
	}
	at, index, err := feed.PositionOf(*last)
	if err != nil {
		return 0, 0, fmt.Errorf("the last event of partition %d has no position: %w", partition, err)
	}
	return at.Offset, index + 1, nil
}

// publish writes the events of the next commits and returns where to go on.
func (r *Relay) publish(ctx context.Context, partition int32, from int64, skip int) (int64, error) {
	commits, err := r.cfg.Commits.From(ctx, partition, from, batchCommits)
	if err != nil || len(commits) == 0 {
		return from, err
	}
	var messages []journal.Message
	for _, c := range commits {
		events := feed.Of(c.Commit, c.Position)
		if c.Position.Offset == from {
			events = events[min(skip, len(events)):]
		}
		for _, e := range events {
			m, err := e.Message(partition, r.cfg.Partitions)
			if err != nil {
				return from, err
			}
			messages = append(messages, m)
		}
	}
	r.cfg.Point("relay.before_publish")
	if len(messages) > 0 {
		if err := r.cfg.Topic.AppendEvents(ctx, partition, messages); err != nil {
			return from, fmt.Errorf("publish events of partition %d from %d: %w", partition, from, err)
		}
	}
	r.cfg.Point("relay.after_publish")
	return commits[len(commits)-1].Position.Offset + 1, nil
}
