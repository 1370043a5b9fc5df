package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// rawTopic has as many partitions as the journal of duolog dev.
const (
	rawTopic      = "bench.raw"
	rawPartitions = 4
	callers       = 32
)

// producerConfig has the settings that internal/kafka writes the journal with:
// all in-sync replicas, idempotent, one request in flight, zstd.
func producerConfig() *sarama.Config {
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
	return s
}

// rawProducer writes records of the same size to the same broker.
type rawProducer struct {
	producer sarama.SyncProducer
	texts    []byte
	turn     atomic.Int32
}

func newRawProducer(brokers []string, from []byte) (*rawProducer, error) {
	admin, err := sarama.NewClusterAdmin(brokers, producerConfig())
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	retention := "-1"
	err = admin.CreateTopic(rawTopic, &sarama.TopicDetail{
		NumPartitions: rawPartitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention},
	}, false)
	if err = errors.Join(err, admin.Close()); err != nil {
		return nil, fmt.Errorf("create topic %s: %w", rawTopic, err)
	}
	producer, err := sarama.NewSyncProducer(brokers, producerConfig())
	if err != nil {
		return nil, fmt.Errorf("make a producer: %w", err)
	}
	return &rawProducer{producer: producer, texts: from}, nil
}

// send produces one record and returns when all replicas have it.
func (r *rawProducer) send() error {
	_, _, err := r.producer.SendMessage(&sarama.ProducerMessage{
		Topic: rawTopic, Partition: r.turn.Add(1) & (rawPartitions - 1), Value: sarama.ByteEncoder(cutText(r.texts)),
	})
	return err
}

func (r *rawProducer) callers() []func() error {
	out := make([]func() error, callers)
	for i := range out {
		out[i] = r.send
	}
	return out
}
