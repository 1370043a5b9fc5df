package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

const (
	// produceTimeout is how long the broker may wait for its replicas.
	produceTimeout = 5 * time.Second
	// produceAttempts and producePause bound how long a batch that was refused is
	// offered again: half a second, so that its caller can still say so.
	produceAttempts = 6
	producePause    = 100 * time.Millisecond
)

// writer writes batches of records to one partition, one at a time, over a
// connection of its own: a broker takes one request of a connection at a time,
// and partitions would wait for each other. It belongs to one goroutine.
type writer struct {
	at      place
	connect func() (sarama.Client, error)
	client  sarama.Client
}

func (c Config) writer(topic string, partition int32) *writer {
	return &writer{
		at:      place{topic: topic, partition: partition},
		connect: c.connect,
	}
}

func (c Config) connect() (sarama.Client, error) {
	s, err := c.saramaBase()
	if err != nil {
		return nil, err
	}
	return sarama.NewClient(c.Brokers, s)
}

// write writes messages as one batch: Kafka takes all of it or nothing. It
// returns the offset of the first one when all in-sync replicas have them. What
// was refused for certain is offered again; after any other error the outcome is
// unknown, and it is the caller's to find out or to send again.
func (w *writer) write(msgs []journal.Message) (base int64, err error) {
	batch := recordBatch(msgs)
	for attempt := range produceAttempts {
		if attempt > 0 {
			pause := time.NewTimer(producePause)
			<-pause.C
		}
		if base, err = w.once(batch); err == nil || !refused(err) || w.client == nil {
			break
		}
		_ = w.client.RefreshMetadata(w.at.topic) // the leader may have moved; if not, the next attempt says so
	}
	if err != nil {
		_ = w.close() // what comes next begins on a connection that nothing is on its way on
		return 0, fmt.Errorf("produce to %s partition %d: %w", w.at.topic, w.at.partition, err)
	}
	return base, nil
}

// refused says that the broker has not written the batch and never will.
func refused(err error) bool {
	for _, known := range []error{
		sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrUnknownTopicOrPartition, sarama.ErrNotEnoughReplicas,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func (w *writer) once(batch *sarama.RecordBatch) (base int64, err error) {
	if w.client == nil {
		if w.client, err = w.connect(); err != nil {
			w.client = nil
			return 0, err
		}
	}
	leader, err := w.client.Leader(w.at.topic, w.at.partition)
	if err != nil {
		return 0, err
	}
	req := &sarama.ProduceRequest{Version: 7, RequiredAcks: sarama.WaitForAll, Timeout: int32(produceTimeout / time.Millisecond)}
	req.AddBatch(w.at.topic, w.at.partition, batch)
	resp, err := leader.Produce(req)
	if err != nil {
		return 0, err
	}
	block := resp.GetBlock(w.at.topic, w.at.partition)
	switch {
	case block == nil:
		return 0, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return 0, block.Err
	}
	return block.Offset, nil
}

func (w *writer) close() error {
	if w.client == nil {
		return nil
	}
	err := w.client.Close()
	w.client = nil
	return err
}

// recordBatch has no producer id: nothing recognises a repeat of it.
func recordBatch(msgs []journal.Message) *sarama.RecordBatch {
	b := &sarama.RecordBatch{
		Version: 2, Codec: sarama.CompressionZSTD, CompressionLevel: compressionLevel,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
	}
	b.FirstTimestamp = timeOf(msgs[0])
	b.MaxTimestamp = b.FirstTimestamp
	for i, m := range msgs {
		at := timeOf(m)
		r := &sarama.Record{Key: m.Key, Value: m.Value, OffsetDelta: int64(i), TimestampDelta: at.Sub(b.FirstTimestamp)}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		b.Records = append(b.Records, r)
		b.LastOffsetDelta = int32(i)
		if at.After(b.MaxTimestamp) {
			b.MaxTimestamp = at
		}
	}
	return b
}

// timeOf is what a record says of its time. It is for people who read the log.
func timeOf(m journal.Message) time.Time {
	at := m.Time
	if at.IsZero() {
		at = time.Now() //nolint:forbidigo // nothing is decided from it
	}
	return at.Truncate(time.Millisecond)
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
