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

// batch is how many commits are appended at once.
const batch = 2000

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

// partition writes one partition's share.
func (l Log) partition(ctx context.Context, log *kafka.Log, partition int32, events int) error {
	m := NewMaker(partition, log.Genesis().Partitions, l.Began, l.Texts)
	var waiting []journal.Message
	bytes := 0
	for n := 1; n <= events; n++ {
		next, err := m.Next()
		if err != nil {
			return fmt.Errorf("make event %d of partition %d: %w", n, partition, err)
		}
		waiting, bytes = append(waiting, next), bytes+next.Size()
		if len(waiting) < batch && n < events {
			continue
		}
		if _, err := log.Append(ctx, waiting); err != nil {
			return err
		}
		waiting = waiting[:0]
		l.Progress(partition, n, bytes)
	}
	return nil
}
