package kafka_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/kafka"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]kafka.Config{
		"brokers":        {},
		"brokers port":   {Brokers: []string{"kafka"}},
		"prefix":         {Brokers: []string{"a:1"}, Prefix: "no/slash"},
		"watch interval": {Brokers: []string{"a:1"}, WatchInterval: -1},
	} {
		if err := c.Validate(); domain.CodeOf(err) != domain.CodeInvalidField {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := kafka.Config{Brokers: []string{"a:1", "[::1]:2"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	topics := []string{good.JournalTopic(), good.CommandsTopic(), good.EventsTopic(), good.RefusedTopic()}
	want := []string{"duolog.journal", "duolog.commands", "duolog.events", "duolog.commands.refused"}
	if !reflect.DeepEqual(topics, want) {
		t.Errorf("topics are %q", topics)
	}
}

// TestSarama asserts each setting that keeps the promises of this package: a
// default of another release must not change them.
func TestSarama(t *testing.T) {
	t.Parallel()
	c := kafka.Config{Brokers: []string{"a:1"}, ClientID: "me"}
	for name, s := range map[string]*sarama.Config{
		"journal": made(t)(c.JournalSarama()), "commands": made(t)(c.CommandsSarama()), "group": made(t)(c.GroupSarama()),
	} {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name+" Version", s.Version, sarama.V4_0_0_0)
		equal(t, name+" ClientID", s.ClientID, "me")
		equal[metrics.Meter](t, name+" meters", metrics.GetOrRegisterMeter("a", s.MetricRegistry), metrics.NilMeter{})
		equal[metrics.Counter](t, name+" counters", metrics.GetOrRegisterCounter("b", s.MetricRegistry), metrics.NilCounter{})
		equal(t, name+" MaxOpenRequests", s.Net.MaxOpenRequests, 1)
		equal(t, name+" DialTimeout", s.Net.DialTimeout, 3*time.Second)
		equal(t, name+" Metadata.Full", s.Metadata.Full, false)
		equal(t, name+" AllowAutoTopicCreation", s.Metadata.AllowAutoTopicCreation, false)
		equal(t, name+" Metadata.Retry.Max", s.Metadata.Retry.Max, 3)
		equal(t, name+" Metadata.RefreshFrequency", s.Metadata.RefreshFrequency, time.Minute)
		equal(t, name+" RequiredAcks", s.Producer.RequiredAcks, sarama.WaitForAll)
		equal(t, name+" Idempotent", s.Producer.Idempotent, true)
		equal(t, name+" Transaction.ID", s.Producer.Transaction.ID, "")
		equal(t, name+" Compression", s.Producer.Compression, sarama.CompressionZSTD)
		equal(t, name+" MaxMessageBytes", s.Producer.MaxMessageBytes, 1<<20)
		equal(t, name+" Producer.Retry.Max", s.Producer.Retry.Max, 5)
		equal(t, name+" Flush.Frequency", s.Producer.Flush.Frequency, 0)
		equal(t, name+" Return.Successes", s.Producer.Return.Successes, true)
		equal(t, name+" Consumer.Return.Errors", s.Consumer.Return.Errors, true)
		equal(t, name+" Offsets.Initial", s.Consumer.Offsets.Initial, sarama.OffsetOldest)
		equal(t, name+" ResetInvalidOffsets", s.Consumer.Group.ResetInvalidOffsets, false)
		equal(t, name+" Consumer.Retry.Max", s.Consumer.Retry.Max, 0)
	}
	equal(t, "journal MaxProcessingTime", made(t)(c.JournalSarama()).Consumer.MaxProcessingTime, 10*time.Second)
	equal(t, "journal IsolationLevel", made(t)(c.JournalSarama()).Consumer.IsolationLevel, sarama.ReadUncommitted)
	group := made(t)(c.GroupSarama())
	equal(t, "group MaxProcessingTime", group.Consumer.MaxProcessingTime, 100*time.Millisecond)
	equal(t, "group IsolationLevel", group.Consumer.IsolationLevel, sarama.ReadCommitted)
	equal(t, "group Rebalance.Timeout", group.Consumer.Group.Rebalance.Timeout, 35*time.Second)
	if group.Net.ReadTimeout < 2*group.Consumer.Group.Rebalance.Timeout {
		t.Error("a join that waits for the others would time out, and begin the wait anew")
	}
	equal(t, "group InstanceId", group.Consumer.Group.InstanceId, "")
	c.Member = "node 1"
	group = made(t)(c.GroupSarama())
	equal(t, "group InstanceId", group.Consumer.Group.InstanceId, "node_1")
	if err := group.Validate(); err != nil {
		t.Error(err)
	}
}

// TestPartitioners: the journal's records go where they say, commands where
// Java would put them.
func TestPartitioners(t *testing.T) {
	t.Parallel()
	c := kafka.Config{Brokers: []string{"a:1"}}
	m := &sarama.ProducerMessage{Key: sarama.StringEncoder("foobar"), Partition: 5}
	for name, s := range map[string]*sarama.Config{"journal": made(t)(c.JournalSarama()), "commands": made(t)(c.CommandsSarama())} {
		got, err := s.Producer.Partitioner("t").Partition(m, 64)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, got, map[string]int32{"journal": 5, "commands": (-790332482 & 0x7fffffff) % 64}[name])
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func made(t *testing.T) func(*sarama.Config, error) *sarama.Config {
	t.Helper()
	return func(s *sarama.Config, err error) *sarama.Config {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
