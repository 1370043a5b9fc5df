package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// eventWriter is the writer of a partition of the events topic. An overlap of two
// relays takes turns.
type eventWriter struct {
	mu     sync.Mutex
	writer *writer
}

func (e *eventWriter) write(batch []journal.Message) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writer.write(batch)
}

func (e *eventWriter) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writer.close()
}

// AppendEvents writes messages to a partition of the events topic, in order: no
// message is sent before the ones before it are acknowledged or in one batch
// with it. So what an error or a crash leaves behind has no gap: none, the
// first ones or all are written. Who sends again may publish twice.
func (l *Log) AppendEvents(ctx context.Context, partition int32, msgs []journal.Message) error {
	if partition < 0 || partition >= l.genesis.Partitions {
		return fmt.Errorf("append events: partition %d is not one of %d", partition, l.genesis.Partitions)
	}
	for _, m := range msgs {
		if err := checkSize(m); err != nil {
			return err
		}
	}
	for _, batch := range batches(msgs) {
		if err := l.allowed(); err != nil {
			return err
		}
		if _, err := await(ctx, func() (int64, error) { return l.events[partition].write(batch) }, nil); err != nil {
			return err
		}
	}
	return nil
}

// mostForeign bounds how many records that are not ours LastEvent looks behind.
const mostForeign = 100_000

// LastEvent is the last record of a partition of the events topic that is ours,
// or nil when nothing of ours was ever written there: anybody may have written
// behind it. Records are shown to ours from the last one backwards.
//
// It is an error when records were deleted or stand so deep under foreign ones
// that it is not known what was published: a relay that took that for nothing
// would publish the whole journal again.
func (l *Log) LastEvent(ctx context.Context, partition int32, ours func(journal.Record) (bool, error)) (*journal.Record, error) {
	topic, n := l.conn.cfg.EventsTopic(), l.genesis.Partitions
	if partition < 0 || partition >= n {
		return nil, fmt.Errorf("last event: partition %d is not one of %d", partition, n)
	}
	starts, err := l.conn.offsets(ctx, topic, n, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	ends, err := l.conn.offsets(ctx, topic, n, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	start, end := starts[partition], ends[partition]
	lowest := max(start, end-mostForeign)
	last, err := l.conn.last(ctx, place{topic, partition, lowest}, end, ours)
	if err != nil || last != nil || lowest == 0 {
		return last, err
	}
	return nil, unknownPublished(topic, partition, start, end)
}

func unknownPublished(topic string, partition int32, start, end int64) error {
	const again = "stop all nodes, delete the topic, run duolog journal init and start the nodes again: everything is published anew."
	if start == end {
		return &SafetyError{
			Problem: fmt.Sprintf("partition %d of the events topic %s held %d records and all were deleted, so it is not known what was published.", partition, topic, end),
			Fix:     "give the topic retention.ms=-1; " + again,
		}
	}
	return &SafetyError{
		Problem: fmt.Sprintf("none of the last %d records in partition %d of the events topic %s is an event with a usable ce_position, so it is not known what was published.",
			min(end-start, mostForeign), partition, topic),
		Fix: "stop what writes to the topic; " + again,
	}
}
