//go:build crash

package crash_test

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/test/crash/history"
)

// partitions of the logs of fleets.
const partitions = 4

func (w *world) kafka() kafka.Config {
	return kafka.Config{
		Brokers: strings.Split(w.fleet.Brokers, ","), Prefix: w.fleet.Prefix, ClientID: "duolog-test", Logger: slog.New(slog.DiscardHandler),
	}
}

func (w *world) open(ctx context.Context) (*kafka.Log, error) { return kafka.Open(ctx, w.kafka()) }

func (w *world) projector(log *kafka.Log, db *postgres.DB) (*projections.Projector, error) {
	return projections.New(projections.Config{
		Log: nodetest.Reading(log), Pool: db.Write, Partitions: partitions, Build: "test",
		Visible: projections.NewVisible(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
}

// walk shows every record of the log, partition by partition.
func (w *world) walk(show func(journal.Record)) error {
	ctx := w.t.Context()
	log, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	ends, err := log.Reach(ctx)
	if err != nil {
		return err
	}
	for p, end := range ends {
		reader, err := log.Reader(ctx, p, 0)
		if err != nil {
			return err
		}
		for next := int64(0); next < end; {
			records, err := reader.Next(ctx, 500, 8<<20)
			if err != nil {
				return err
			}
			for _, r := range records {
				next = r.Position.Offset + 1
				show(r)
			}
		}
		if err := reader.Close(); err != nil {
			return err
		}
	}
	return nil
}

// events are what stands in a partition of the events topic.
func (w *world) events(partition int32) (out []history.Published, err error) {
	records, err := w.topic(w.kafka().EventsTopic(), partition)
	for _, m := range records {
		r := journal.Record{Position: domain.Position{Partition: partition, Offset: m.Offset}}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, journal.Header{Key: string(h.Key), Value: h.Value})
		}
		o, err := feed.OriginOf(r)
		if err != nil {
			return nil, err
		}
		out = append(out, history.Published{Position: o.Position, Index: o.Index})
	}
	return out, err
}

// topic is what stands in a partition of a topic.
func (w *world) topic(name string, partition int32) (out []*sarama.ConsumerMessage, err error) {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient(w.kafka().Brokers, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	end, err := client.GetOffset(name, partition, sarama.OffsetNewest)
	if err != nil || end == 0 {
		return nil, err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	defer func() { _ = consumer.Close() }()
	records, err := consumer.ConsumePartition(name, partition, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = records.Close() }()
	for m := range records.Messages() {
		if out = append(out, m); m.Offset == end-1 {
			break
		}
	}
	return out, nil
}
