package forge

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// Log is what to write.
type Log struct {
	Broker, Prefix string
	// Events are written to as many workflows as it takes, Steps to each.
	Events int
	Texts  load.Texts
	// Began is the time of the first event.
	Began time.Time
	// Progress is told how many events of a partition were written, and how many
	// bytes they have without framing and before compression.
	Progress func(partition int32, events, bytes int)
}

const (
	// Steps is how many events a workflow has: its creation, then checkpoints.
	Steps = 20
	// batch is how many commits are appended at once.
	batch = 2000
	// active is how many workflows of a partition take turns.
	active = 32
)

// Write appends to a log that was made and is empty otherwise.
func Write(ctx context.Context, l Log) error {
	log, err := kafka.Open(ctx, kafka.Config{Brokers: []string{l.Broker}, Prefix: l.Prefix, ClientID: "forge", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // every append was acknowledged
	group, ctx := errgroup.WithContext(ctx)
	partitions := log.Genesis().Partitions
	for p := range partitions {
		share := l.Events / int(partitions)
		if p == 0 {
			share += l.Events % int(partitions)
		}
		group.Go(func() error { return l.partition(ctx, log, p, share) })
	}
	return group.Wait()
}

// partition writes one partition's share. Workflows take turns step by step, as
// they do when many agents work at once.
func (l Log) partition(ctx context.Context, log *kafka.Log, partition int32, events int) error {
	m := maker{texts: l.Texts, partitions: log.Genesis().Partitions, partition: partition, now: l.Began}
	var streams []*stream
	var waiting []journal.Message
	bytes := 0
	for n := 0; n < events; n++ {
		at := n % active
		if at >= len(streams) {
			streams = append(streams, m.stream())
		} else if streams[at].steps == Steps {
			streams[at] = m.stream()
		}
		next, err := m.next(streams[at])
		if err != nil {
			return fmt.Errorf("make event %d of partition %d: %w", n, partition, err)
		}
		waiting, bytes = append(waiting, next), bytes+next.Size()
		if len(waiting) < batch && n+1 < events {
			continue
		}
		if _, err := log.Append(ctx, waiting); err != nil {
			return err
		}
		waiting = waiting[:0]
		l.Progress(partition, n+1, bytes)
	}
	return nil
}
