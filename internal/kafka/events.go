package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// AppendEvents writes messages to a partition of the events topic, in order.
// Its errors are those of Append: who sends again may publish twice.
func (l *Log) AppendEvents(ctx context.Context, partition int32, msgs []journal.Message) error {
	if partition < 0 || partition >= l.genesis.Partitions {
		return fmt.Errorf("append events: partition %d is not one of %d", partition, l.genesis.Partitions)
	}
	if len(msgs) == 0 {
		return nil
	}
	placed := make([]journal.Message, len(msgs))
	for i, m := range msgs {
		m.Partition = partition
		placed[i] = m
	}
	_, err := l.appendTo(ctx, l.events[partition], placed)
	return err
}

// LastEvent is the last record of a partition of the events topic, or nil when
// nothing was ever published there. A partition whose records were all deleted
// is an error, because a relay that took it for empty would publish the whole
// journal again.
func (l *Log) LastEvent(ctx context.Context, partition int32) (*journal.Record, error) {
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
	if start == end && end > 0 {
		return nil, &SafetyError{
			Problem: fmt.Sprintf("partition %d of the events topic %s held %d records and all were deleted, so it is not known what was published.",
				partition, topic, end),
			Fix: "give the topic retention.ms=-1; delete it and run duolog journal init to publish everything again.",
		}
	}
	return l.conn.last(ctx, topic, partition, start, end)
}
