package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/handlers/inbox"
)

const drainTimeout = 15 * time.Minute

// Drained returns when the nodes have carried out all commands of the inbox.
func (f *Fleet) Drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V4_0_0_0
	client, err := sarama.NewClient([]string{f.Broker.Address}, cfg)
	if err != nil {
		return fmt.Errorf("look at the inbox: %w", err)
	}
	defer client.Close() //nolint:errcheck // only read from
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return fmt.Errorf("look at the inbox: %w", err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := waiting(client, admin)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d commands are left in the inbox: %w", left, ctx.Err())
		}
	}
}

// waiting is how many commands the consumer group has not acknowledged.
func waiting(client sarama.Client, admin sarama.ClusterAdmin) (int64, error) {
	const topic = Prefix + ".commands"
	var partitions []int32
	for p := range int32(Partitions) {
		partitions = append(partitions, p)
	}
	done, err := admin.ListConsumerGroupOffsets(Prefix+"."+inbox.Group, map[string][]int32{topic: partitions})
	if err != nil {
		return 0, fmt.Errorf("look at the inbox: %w", err)
	}
	left := int64(0)
	for _, p := range partitions {
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return 0, fmt.Errorf("look at the inbox: %w", err)
		}
		at := int64(0)
		if block := done.GetBlock(topic, p); block != nil {
			at = max(0, block.Offset)
		}
		left += end - at
	}
	return left, nil
}
