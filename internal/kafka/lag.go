package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// ProjectorGroup is the consumer group in which tools see how far the read models
// have come. It has no members.
func (c Config) ProjectorGroup() string { return c.prefix() + ".projector" }

// ShowProjected commits how far partitions of the journal are projected, for tools
// that show the lag of consumer groups. Nothing reads it back: the offset that
// counts stands in the database with the rows. A crash leaves an older one, and so
// can a node that lost a partition a moment ago; the next commit puts it right.
func (l *Log) ShowProjected(ctx context.Context, next map[int32]int64) error {
	if len(next) == 0 {
		return nil
	}
	offsets := make(map[int32]sarama.OffsetAndMetadata, len(next))
	for p, offset := range next {
		offsets[p] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
	}
	group, topic := l.conn.cfg.ProjectorGroup(), l.conn.cfg.JournalTopic()
	response, err := await(ctx, func() (*sarama.OffsetCommitResponse, error) {
		return l.conn.admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: offsets}, nil)
	}, nil)
	if err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", group, err)
	}
	for p, refused := range response.Errors[topic] {
		if !errors.Is(refused, sarama.ErrNoError) {
			return fmt.Errorf("commit offset %d:%d of group %s: %w", p, next[p], group, refused)
		}
	}
	return nil
}
