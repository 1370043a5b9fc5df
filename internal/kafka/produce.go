package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// produceTimeout is how long the broker may wait for its replicas.
const produceTimeout = 5 * time.Second

// produce writes messages as one batch of records: Kafka takes all of it or
// nothing. It does not try again; after an error the outcome is unknown.
func (c *conn) produce(ctx context.Context, at place, msgs []journal.Message) error {
	batch := recordBatch(msgs)
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, c.produceOnce(at, batch) }, nil)
	if err != nil {
		return fmt.Errorf("produce to %s partition %d: %w", at.topic, at.partition, err)
	}
	return nil
}

func (c *conn) produceOnce(at place, batch *sarama.RecordBatch) error {
	leader, err := c.client.Leader(at.topic, at.partition)
	if err != nil {
		return err
	}
	req := &sarama.ProduceRequest{Version: 7, RequiredAcks: sarama.WaitForAll, Timeout: int32(produceTimeout / time.Millisecond)}
	req.AddBatch(at.topic, at.partition, batch)
	resp, err := leader.Produce(req)
	if err != nil {
		_ = leader.Close() // a broken connection is opened anew by the next request
		return err
	}
	switch block := resp.GetBlock(at.topic, at.partition); {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		_ = c.client.RefreshMetadata(at.topic) // the leader may have moved
		return block.Err
	}
	return nil
}

// recordBatch has no producer id: nothing recognises a repeat of it.
func recordBatch(msgs []journal.Message) *sarama.RecordBatch {
	b := &sarama.RecordBatch{
		Version: 2, Codec: sarama.CompressionZSTD, CompressionLevel: compressionLevel,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		FirstTimestamp: msgs[0].Time.Truncate(time.Millisecond), MaxTimestamp: msgs[0].Time,
	}
	for i, m := range msgs {
		r := &sarama.Record{Key: m.Key, Value: m.Value, OffsetDelta: int64(i), TimestampDelta: m.Time.Truncate(time.Millisecond).Sub(b.FirstTimestamp)}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		b.Records = append(b.Records, r)
		b.LastOffsetDelta = int32(i)
		if m.Time.After(b.MaxTimestamp) {
			b.MaxTimestamp = m.Time
		}
	}
	return b
}

// batches cuts messages into what fits one batch of records each.
func batches(msgs []journal.Message) [][]journal.Message {
	var out [][]journal.Message
	bytes := 0
	for i, m := range msgs {
		size := weight(m)
		if i == 0 || bytes+size > MaxMessageBytes {
			out, bytes = append(out, nil), 0
		}
		bytes += size
		out[len(out)-1] = append(out[len(out)-1], m)
	}
	return out
}
