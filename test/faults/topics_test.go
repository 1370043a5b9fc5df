//go:build faults

package faults_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/duolog/duolog/internal/fleettest"
)

// admin is an operator at the brokers.
func (s *stand) admin() sarama.ClusterAdmin {
	s.t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	a, err := sarama.NewClusterAdmin(s.brokers(), cfg)
	fleettest.OK(s.t, err)
	s.t.Cleanup(func() { _ = a.Close() })
	return a
}

// ends are the ends of the partitions of a topic that are not empty.
func (s *stand) ends(t *testing.T, topic string) map[int32]int64 {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient(s.brokers(), cfg)
	fleettest.OK(t, err)
	defer func() { _ = client.Close() }()
	partitions, err := client.Partitions(topic)
	fleettest.OK(t, err)
	out := map[int32]int64{}
	for _, p := range partitions {
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		fleettest.OK(t, err)
		if end > 0 {
			out[p] = end
		}
	}
	return out
}

// copyOf is a topic as an operator backs it up: every record at its offset.
type copyOf struct {
	topic      string
	partitions int32
	settings   map[string]*string
	records    map[int32][]*kgo.Record
}

// backup copies the first partitions of a topic.
func (s *stand) backup(t *testing.T, topic string, partitions int32) copyOf {
	t.Helper()
	c := copyOf{topic: topic, partitions: partitions, records: map[int32][]*kgo.Record{}, settings: map[string]*string{}}
	results, err := s.admin().DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic}}, sarama.DescribeConfigsOptions{})
	fleettest.OK(t, err)
	for _, result := range results {
		for _, e := range result.Configs {
			if e.Source == sarama.SourceTopic {
				c.settings[e.Name] = &e.Value
			}
		}
	}
	for _, r := range s.records(t, topic) {
		if r.Partition < partitions {
			c.records[r.Partition] = append(c.records[r.Partition], r)
		}
	}
	return c
}

// with completes a copy with what was written after it was made.
func (c copyOf) with(later copyOf) copyOf {
	for p, records := range later.records {
		for _, r := range records {
			if r.Offset >= int64(len(c.records[p])) {
				c.records[p] = append(c.records[p], r)
			}
		}
	}
	return c
}

// restore puts a copy in the place of its topic, offset by offset.
func (s *stand) restore(t *testing.T, c copyOf) {
	t.Helper()
	s.remove(t, c.topic)
	fleettest.OK(t, s.admin().CreateTopic(c.topic, &sarama.TopicDetail{NumPartitions: c.partitions, ReplicationFactor: 1, ConfigEntries: c.settings}, false))
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(2<<20))
	fleettest.OK(t, err)
	defer client.Close()
	for p, records := range c.records {
		for i, r := range records {
			again := &kgo.Record{Topic: c.topic, Partition: p, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
			fleettest.OK(t, client.ProduceSync(t.Context(), again).FirstErr())
			if again.Offset != r.Offset || r.Offset != int64(i) {
				t.Fatalf("record %d:%d was restored to offset %d", p, r.Offset, again.Offset)
			}
		}
	}
}

// remove deletes a topic, if it is there, and waits until it is gone.
func (s *stand) remove(t *testing.T, topic string) {
	t.Helper()
	a := s.admin()
	if err := a.DeleteTopic(topic); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		fleettest.OK(t, err)
	}
	fleettest.Eventually(t, recovery, func() error {
		all, err := a.ListTopics()
		if _, there := all[topic]; there {
			return fmt.Errorf("%s is still there", topic)
		}
		return err
	})
}

// set gives a topic a setting.
func (s *stand) set(t *testing.T, topic, key, value string) {
	t.Helper()
	fleettest.OK(t, s.admin().IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false))
}

// kafkaConfigs does what a kafka-configs command says, which needs no Kafka to be
// installed.
func (s *stand) kafkaConfigs(t *testing.T, command string) {
	t.Helper()
	var topic, entry, brokers string
	words := strings.Fields(command)
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "--bootstrap-server":
			brokers = words[i+1]
		case "--entity-name":
			topic = words[i+1]
		case "--add-config":
			entry = words[i+1]
		}
	}
	key, value, ok := strings.Cut(entry, "=")
	if !ok || words[0] != "kafka-configs" || topic == "" || brokers != s.Brokers {
		t.Fatalf("the fix is no kafka-configs command for this cluster: %s", command)
	}
	s.set(t, topic, key, value)
}
