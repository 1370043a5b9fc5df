package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Reader follows one partition of the journal. It belongs to one goroutine.
type Reader struct {
	log       *Log
	partition int32
	consumer  sarama.Consumer
	records   sarama.PartitionConsumer
	next      int64                   // after the last record returned
	peeked    *sarama.ConsumerMessage // taken, but did not fit the last batch
	failing   string                  // the failure that was logged last
	fatal     error                   // why the consumer ended
}

// Reader begins at the record from, or at the first one behind it. It checks
// that the partition is still this log's, and fails with a *SafetyError when
// from is before the start of the partition or behind its end. Each reader has
// a client of its own, so that a slow one delays nobody.
func (l *Log) Reader(ctx context.Context, partition int32, from int64) (*Reader, error) {
	if partition < 0 || partition >= l.genesis.Partitions {
		return nil, fmt.Errorf("read journal: partition %d is not one of %d", partition, l.genesis.Partitions)
	}
	if err := l.seekable(ctx, partition, from); err != nil {
		return nil, fmt.Errorf("read journal from %d:%d: %w", partition, from, l.suspectOf(err))
	}
	r := &Reader{log: l, partition: partition, next: from}
	_, err := await(ctx, func() (*Reader, error) { return r, r.open() }, func(r *Reader) { _ = r.Close() })
	if errors.Is(err, sarama.ErrOffsetOutOfRange) {
		err = l.outOfRange(ctx, partition, from)
	}
	if err != nil {
		return nil, fmt.Errorf("read journal from %d:%d: %w", partition, from, l.suspectOf(err))
	}
	return r, nil
}

// seekable checks the genesis of the partition. Negative offsets mean newest
// and oldest to sarama, and never anything here.
func (l *Log) seekable(ctx context.Context, partition int32, from int64) error {
	if from < 0 {
		return l.conn.truncated(partition, from)
	}
	g, err := l.conn.genesis(ctx, partition)
	switch {
	case errors.Is(err, errNoGenesis):
		return l.conn.ahead(partition, from, 0)
	case err != nil:
		return err
	case g.Log != l.genesis.Log:
		return l.conn.otherLog(l.genesis.Log, g.Log)
	}
	return nil
}

func (r *Reader) open() error {
	cfg := r.log.conn.cfg
	s, err := cfg.saramaBase()
	if err != nil {
		return err
	}
	consumer, err := sarama.NewConsumer(cfg.Brokers, s)
	if err != nil {
		return err
	}
	records, err := consumer.ConsumePartition(cfg.JournalTopic(), r.partition, r.next)
	if err != nil {
		return errors.Join(err, consumer.Close())
	}
	r.consumer, r.records = consumer, records
	return nil
}

// outOfRange says on which side of the log an offset lies. One that lies within it
// was refused by a broker that did not know better at that moment.
func (l *Log) outOfRange(ctx context.Context, partition int32, wanted int64) error {
	starts, err := l.Starts(ctx)
	if err != nil {
		return err
	}
	if wanted < starts[partition] {
		return l.conn.truncated(partition, wanted)
	}
	ends, err := l.Ends(ctx)
	if err != nil {
		return err
	}
	if wanted > ends[partition] {
		return l.conn.ahead(partition, wanted, ends[partition])
	}
	return sarama.ErrOffsetOutOfRange
}

// Next waits for a record and returns it with those that are there already, up
// to the limits, in order. The first one is returned whatever its size. Offsets
// may have gaps; they are returned as they are. An outage of the brokers is
// logged and waited out; a *SafetyError says that the wanted offset is gone,
// and the reader has ended.
func (r *Reader) Next(ctx context.Context, maxRecords, maxBytes int) ([]journal.Record, error) {
	first := r.peeked
	r.peeked = nil
	if first == nil {
		var err error
		if first, err = r.wait(ctx); err != nil {
			return nil, err
		}
	}
	batch := []journal.Record{recordFrom(first)}
	bytes := batch[0].Size()
	for len(batch) < maxRecords {
		m := r.poll(batch[len(batch)-1].Position.Offset)
		if m == nil {
			break
		}
		record := recordFrom(m)
		if bytes += record.Size(); bytes > maxBytes {
			r.peeked = m
			break
		}
		batch = append(batch, record)
	}
	r.next = batch[len(batch)-1].Position.Offset + 1
	r.log.advance(r.partition, r.next)
	return batch, nil
}

// wait blocks for one record. sarama retries by itself; only a lost offset ends
// it.
func (r *Reader) wait(ctx context.Context) (*sarama.ConsumerMessage, error) {
	errs := r.records.Errors()
	for {
		select {
		case m, ok := <-r.records.Messages():
			if !ok {
				return nil, r.ended(ctx)
			}
			r.recovered(ctx)
			return m, nil
		case e, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			r.failed(ctx, e)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// poll takes a record that is there. sarama knows the end of the partition
// before it hands over the records of a fetch one by one, so when more must
// come it is given a moment of the processor, not of the clock.
func (r *Reader) poll(last int64) *sarama.ConsumerMessage {
	for range 4 {
		select {
		case m := <-r.records.Messages():
			return m // nil when the consumer has ended: Next finds out why
		default:
		}
		if last+1 >= r.records.HighWaterMarkOffset() {
			return nil
		}
		runtime.Gosched()
	}
	return nil
}

// failed remembers a lost offset and logs other failures once per outage.
func (r *Reader) failed(ctx context.Context, e *sarama.ConsumerError) {
	if errors.Is(e, sarama.ErrOffsetOutOfRange) {
		r.fatal = e
		return
	}
	if r.failing == e.Err.Error() {
		return
	}
	r.failing = e.Err.Error()
	r.log.conn.cfg.logger().WarnContext(ctx, "journal cannot be read, trying again",
		slog.Int64("partition", int64(r.partition)), slog.Int64("offset", r.next), slog.Any("error", e.Err))
}

func (r *Reader) recovered(ctx context.Context) {
	if r.failing == "" {
		return
	}
	r.failing = ""
	r.log.conn.cfg.logger().InfoContext(ctx, "journal is read again",
		slog.Int64("partition", int64(r.partition)), slog.Int64("offset", r.next))
}

// ended explains why sarama gave up.
func (r *Reader) ended(ctx context.Context) error {
	for e := range r.records.Errors() {
		r.failed(ctx, e)
	}
	if r.fatal == nil {
		return fmt.Errorf("read journal from %d:%d: %w", r.partition, r.next, errClosed)
	}
	return fmt.Errorf("read journal from %d:%d: %w", r.partition, r.next, r.log.suspectOf(r.log.outOfRange(ctx, r.partition, r.next)))
}

// Close ends the reader. It takes up to the half second that a fetch waits.
func (r *Reader) Close() error {
	if r.records == nil {
		return nil
	}
	_ = r.records.Close() // its errors were logged, or no longer matter
	return r.consumer.Close()
}

func recordFrom(m *sarama.ConsumerMessage) journal.Record {
	return journal.Record{
		Position:  domain.Position{Partition: m.Partition, Offset: m.Offset},
		Timestamp: m.Timestamp,
		Key:       m.Key,
		Value:     m.Value,
		Headers:   headersFrom(m.Headers),
	}
}
