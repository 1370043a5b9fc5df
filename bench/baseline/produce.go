package baseline

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
)

// Config has the settings that internal/kafka writes the log with: all in-sync
// replicas, idempotent, one request in flight, zstd.
func Config() *sarama.Config {
	s := sarama.NewConfig()
	s.Version = sarama.V4_0_0_0
	s.ClientID = "duolog-bench"
	s.ChannelBufferSize = 512
	s.Net.MaxOpenRequests = 1
	s.Metadata.AllowAutoTopicCreation = false
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Producer.Timeout = 5 * time.Second
	s.Producer.Compression = sarama.CompressionZSTD
	s.Producer.MaxMessageBytes = 1 << 20
	s.Producer.Partitioner = sarama.NewManualPartitioner
	s.Producer.Return.Successes = true
	s.Producer.Return.Errors = true
	s.Consumer.Fetch.Default = 2 << 20
	return s
}

// Producer produces single records into a topic of its own with as many partitions
// as the product's have.
type Producer struct {
	size      int
	topic     string
	admin     sarama.ClusterAdmin
	producers []sarama.SyncProducer
	texts     load.Texts
	turn      atomic.Uint32
}

// NewProducer makes the topic, and one producer for each of its partitions, as the
// product has for its journal: fewer wait for each other.
func NewProducer(broker string, size int, from load.Texts) (*Producer, error) {
	p := &Producer{size: size, topic: fmt.Sprintf("bench.raw.%d", size), texts: from}
	var err error
	if p.admin, err = sarama.NewClusterAdmin([]string{broker}, Config()); err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	forEver := "-1"
	err = p.admin.CreateTopic(p.topic, &sarama.TopicDetail{
		NumPartitions: lab.Partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &forEver},
	}, false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create topic %s: %w", p.topic, err), p.Close())
	}
	for range lab.Partitions {
		one, err := sarama.NewSyncProducer([]string{broker}, Config())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make a producer: %w", err), p.Close())
		}
		p.producers = append(p.producers, one)
	}
	return p, nil
}

// One produces one record and returns when all replicas have it.
func (p *Producer) One() error {
	n := p.turn.Add(1) % lab.Partitions
	_, _, err := p.producers[n].SendMessage(&sarama.ProducerMessage{
		Topic: p.topic, Partition: int32(n), Value: sarama.ByteEncoder(p.texts.Cut(p.size)),
	})
	return err
}

// Callers are 32.
func (p *Producer) Callers() []func() error {
	out := make([]func() error, Callers)
	for i := range out {
		out[i] = p.One
	}
	return out
}

// Empty removes what was written so far, so that neither disk nor broker carries
// it into the next measurement.
func (p *Producer) Empty() error {
	ends := map[int32]int64{}
	for n := range int32(lab.Partitions) {
		ends[n] = -1 // all there is
	}
	if err := p.admin.DeleteRecords(p.topic, ends); err != nil {
		return fmt.Errorf("empty topic %s: %w", p.topic, err)
	}
	return nil
}

// Close disconnects.
func (p *Producer) Close() error {
	var errs []error
	for _, one := range p.producers {
		errs = append(errs, one.Close())
	}
	return errors.Join(append(errs, p.admin.Close())...)
}
