package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// GroupState is how far a consumer group has come.
type GroupState struct {
	// Members are the processes that read in it now.
	Members int
	// Lag is how many records of the topic it has not finished.
	Lag int64
}

// Group looks at a consumer group of Duolog and at the topic that it reads. A group
// that never read has everything before it.
func (l *Log) Group(ctx context.Context, group, topic string) (GroupState, error) {
	var out GroupState
	c := l.conn
	name := c.cfg.prefix() + "." + group
	counts, err := c.counts(ctx, []string{topic})
	if err != nil {
		return out, err
	}
	starts, err := c.offsets(ctx, topic, counts[topic], sarama.OffsetOldest)
	if err != nil {
		return out, err
	}
	ends, err := c.offsets(ctx, topic, counts[topic], sarama.OffsetNewest)
	if err != nil {
		return out, err
	}
	done, err := c.committed(ctx, name, topic, counts[topic])
	if err != nil {
		return out, err
	}
	for p, end := range ends {
		out.Lag += max(0, end-max(starts[p], done[p]))
	}
	out.Members, err = c.members(ctx, name)
	return out, err
}

// committed is the offset that a group goes on from in each partition.
func (c *conn) committed(ctx context.Context, group, topic string, count int32) (map[int32]int64, error) {
	partitions := make([]int32, count)
	for p := range count {
		partitions[p] = p
	}
	found, err := await(ctx, func() (*sarama.OffsetFetchResponse, error) {
		return c.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	}, nil)
	if err == nil && !errors.Is(found.Err, sarama.ErrNoError) {
		err = found.Err
	}
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return nil, nil //nolint:nilnil // it never read
	}
	if err != nil {
		return nil, fmt.Errorf("list the offsets of group %s: %w", group, err)
	}
	out := map[int32]int64{}
	for p, block := range found.Blocks[topic] {
		out[p] = block.Offset
	}
	return out, nil
}

func (c *conn) members(ctx context.Context, group string) (int, error) {
	found, err := await(ctx, func() ([]*sarama.GroupDescription, error) { return c.admin.DescribeConsumerGroups([]string{group}) }, nil)
	if err != nil {
		return 0, fmt.Errorf("describe group %s: %w", group, err)
	}
	n := 0
	for _, g := range found {
		n += len(g.Members)
	}
	return n, nil
}
