package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

const attempts = 4 // of a request whose leader may have moved

// conn asks the cluster: who leads what, where partitions begin and end, which
// settings hold. It is safe for concurrent use.
type conn struct {
	cfg    Config
	client sarama.Client
	admin  sarama.ClusterAdmin
}

func dial(ctx context.Context, cfg Config) (*conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := cfg.saramaAdmin()
	if err != nil {
		return nil, err
	}
	c, err := await(ctx, func() (*conn, error) {
		client, err := sarama.NewClient(cfg.Brokers, s)
		if err != nil {
			return nil, cfg.untrusted(err, s)
		}
		admin, err := sarama.NewClusterAdminFromClient(client)
		if err != nil {
			return nil, errors.Join(err, client.Close())
		}
		return &conn{cfg: cfg, client: client, admin: admin}, nil
	}, func(c *conn) { _ = c.close() })
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka at %v: %w", cfg.Brokers, err)
	}
	return c, nil
}

func (c *conn) close() error { return c.admin.Close() }

// counts is how many partitions each topic has; 0 for one that is missing.
func (c *conn) counts(ctx context.Context, topics []string) (map[string]int32, error) {
	out := make(map[string]int32, len(topics))
	described, err := await(ctx, func() ([]*sarama.TopicMetadata, error) { return c.admin.DescribeTopics(topics) }, nil)
	if err != nil {
		return nil, fmt.Errorf("describe topics %v: %w", topics, err)
	}
	for _, t := range described {
		switch {
		case errors.Is(t.Err, sarama.ErrNoError), errors.Is(t.Err, sarama.ErrLeaderNotAvailable):
			out[t.Name] = int32(len(t.Partitions)) //nolint:gosec // a partition count is an int32 on the wire
		case errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition):
		default:
			return nil, fmt.Errorf("describe topic %s: %w", t.Name, t.Err)
		}
	}
	return out, nil
}

// offsets asks for one end of every partition: sarama.OffsetOldest or
// sarama.OffsetNewest, the high watermark.
func (c *conn) offsets(ctx context.Context, topic string, partitions int32, end int64) (map[int32]int64, error) {
	all := make([]int32, partitions)
	for p := range partitions {
		all[p] = p
	}
	return c.offsetsOf(ctx, topic, all, end)
}

// offsetsOf asks for one end of some partitions.
func (c *conn) offsetsOf(ctx context.Context, topic string, partitions []int32, end int64) (map[int32]int64, error) {
	out, err := await(ctx, func() (map[int32]int64, error) {
		var err error
		for range attempts {
			var out map[int32]int64
			if out, err = c.offsetsOnce(topic, partitions, end); err == nil {
				return out, nil
			}
			err = errors.Join(err, c.client.RefreshMetadata(topic))
		}
		return nil, err
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	return out, nil
}

func (c *conn) offsetsOnce(topic string, partitions []int32, end int64) (map[int32]int64, error) {
	ask := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		ask[p] = end
	}
	listed, err := c.admin.ListOffsets(map[string]map[int32]int64{topic: ask}, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]int64, len(partitions))
	for p, r := range listed[topic] {
		if r.Err != nil && !errors.Is(r.Err, sarama.ErrNoError) {
			return nil, fmt.Errorf("partition %d: %w", p, r.Err)
		}
		out[p] = r.Offset
	}
	return out, nil
}
