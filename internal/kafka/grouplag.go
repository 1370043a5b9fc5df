package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// GroupLag is how many records of a topic the consumer groups, named as for
// NewEventSubscriber, have not acknowledged. A group that never acknowledged
// anything has all of them before it.
func (l *Log) GroupLag(ctx context.Context, topic string, groups []string) (map[string]int64, error) {
	listed, err := await(ctx, func() ([]int32, error) { return l.conn.client.Partitions(topic) }, nil)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", topic, err)
	}
	n := int32(len(listed)) //nolint:gosec // a partition count is an int32 on the wire
	starts, err := l.conn.offsets(ctx, topic, n, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	ends, err := l.conn.offsets(ctx, topic, n, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, group := range groups {
		name := l.conn.cfg.prefix() + "." + group
		got, err := await(ctx, func() (*sarama.OffsetFetchResponse, error) {
			return l.conn.admin.ListConsumerGroupOffsets(name, map[string][]int32{topic: listed})
		}, nil)
		if errors.Is(err, sarama.ErrGroupIDNotFound) {
			got, err = &sarama.OffsetFetchResponse{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the offsets of group %s: %w", name, err)
		}
		for _, p := range listed {
			at := starts[p]
			if block := got.GetBlock(topic, p); block != nil {
				at = max(at, block.Offset)
			}
			out[group] += max(0, ends[p]-at)
		}
	}
	return out, nil
}
