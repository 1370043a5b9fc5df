package embedded_test

import (
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/internal/embedded"
)

const topic = "things"

func saramaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	return cfg
}

func startBroker(t *testing.T, dir string) *embedded.Broker {
	t.Helper()
	b, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func admin(t *testing.T, b *embedded.Broker) sarama.ClusterAdmin {
	t.Helper()
	a, err := sarama.NewClusterAdmin(b.Addrs(), saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func produce(t *testing.T, b *embedded.Broker, value string, at time.Time) {
	t.Helper()
	p, err := sarama.NewSyncProducer(b.Addrs(), saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value), Timestamp: at}); err != nil {
		t.Fatal(err)
	}
}

func consume(t *testing.T, b *embedded.Broker, count int) []string {
	t.Helper()
	c, err := sarama.NewConsumer(b.Addrs(), saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	partition, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = partition.Close() }()
	var values []string
	for len(values) < count {
		select {
		case m := <-partition.Messages():
			values = append(values, string(m.Value))
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	return values
}

func TestBrokerKeepsRecordsOverRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for generation := range 3 {
		b := startBroker(t, dir)
		if generation == 0 {
			if err := admin(t, b).CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
				t.Fatal(err)
			}
		}
		produce(t, b, "record", time.Now())
		if got := consume(t, b, generation+1); len(got) != generation+1 {
			t.Fatalf("generation %d: records = %v", generation, got)
		}
		if size, err := b.LogBytes(); err != nil || size == 0 {
			t.Errorf("LogBytes = %d, %v; want what is on disk", size, err)
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBrokerKeepsOldRecordsForEver(t *testing.T) {
	t.Parallel()
	b := startBroker(t, t.TempDir())
	a := admin(t, b)
	// A topic without settings of its own: the broker's apply.
	if err := a.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	produce(t, b, "old", time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	b.Cluster().ApplyRetention()
	if got := consume(t, b, 1); got[0] != "old" {
		t.Errorf("first record = %q; want the old one", got[0])
	}
	brokers := sarama.ConfigResource{Type: sarama.BrokerResource, Name: "0"}
	for _, name := range []string{"log.retention.ms", "log.retention.bytes"} {
		if got := setting(t, a, brokers, name); got != "-1" {
			t.Errorf("%s = %q; want -1", name, got)
		}
	}
}

func TestBrokerReportsTheRetentionOfATopic(t *testing.T) {
	t.Parallel()
	a := admin(t, startBroker(t, ""))
	forever := "-1"
	detail := &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &forever}}
	if err := a.CreateTopic(topic, detail, false); err != nil {
		t.Fatal(err)
	}
	if got := setting(t, a, sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}, "retention.ms"); got != "-1" {
		t.Errorf("retention.ms = %q; want -1", got)
	}
}

// setting returns the value of one setting, and fails the test when it is reported with two.
func setting(t *testing.T, a sarama.ClusterAdmin, of sarama.ConfigResource, name string) string {
	t.Helper()
	results, err := a.DescribeConfigs([]*sarama.ConfigResource{&of}, sarama.DescribeConfigsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || results[0].ErrorCode != sarama.ErrNoError {
		t.Fatalf("describe %s: %+v", of.Name, results)
	}
	var values []string
	for _, entry := range results[0].Configs {
		if entry.Name == name {
			values = append(values, entry.Value)
		}
	}
	if len(values) != 1 {
		t.Fatalf("%s is reported as %q", name, values)
	}
	return values[0]
}

func TestBrokerSharesNoDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startBroker(t, dir)
	_, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: dir})
	if _, ok := errors.AsType[*embedded.InUseError](err); !ok {
		t.Errorf("second StartBroker = %v; want in use", err)
	}
}

func TestBrokerListensWhereItIsTold(t *testing.T) {
	t.Parallel()
	b := startBroker(t, "")
	_, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Addr: b.Addrs()[0]})
	if err == nil {
		t.Error("two brokers on one address")
	}
	for _, addr := range []string{"0.0.0.0:0", ":9092", "localhost"} {
		if _, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Addr: addr}); err == nil {
			t.Errorf("address %q was accepted", addr)
		}
	}
}
