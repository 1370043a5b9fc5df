package kafka_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/kafka/access/accesstest"
)

// TestRightsOnKafka: with the rights that docs/kafka.md gives them, over TLS and
// SCRAM, init makes the log, a node does all that a node does, and others what
// they are there for and nothing else. It runs on kfake, and on a real Apache
// Kafka where one is.
func TestRightsOnKafka(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	g := accesstest.NewGuarded(t)
	prefix := "r" + uuid.NewString()[:8]
	as := func(who string) kafka.Config {
		return kafka.Config{Brokers: g.Brokers, Access: g.User(prefix + "-" + who), Prefix: prefix}
	}
	initer, node, producer, consumer := as("init"), as("node"), as("producer"), as("consumer")
	g.GrantAsDocumented(prefix)

	if _, err := kafka.Init(ctx, node, 1, 1, uuid.New); !forbidden(err) {
		t.Errorf("a node makes topics: %v", err)
	}
	if _, err := kafka.Init(ctx, initer, 1, 1, uuid.New); err != nil {
		t.Fatalf("init: %v", err)
	}
	nodeDoesItsWork(ctx, t, node)
	for _, test := range []struct {
		who         string
		cfg         kafka.Config
		read, write []string
	}{
		{"node", node, []string{node.JournalTopic(), node.CommandsTopic(), node.EventsTopic()}, []string{node.JournalTopic(), node.CommandsTopic(), node.EventsTopic(), node.RefusedTopic()}},
		{"init", initer, []string{node.JournalTopic()}, []string{node.JournalTopic()}},
		{"producer", producer, nil, []string{node.CommandsTopic()}},
		{"consumer", consumer, []string{node.EventsTopic()}, nil},
	} {
		for _, topic := range []string{node.JournalTopic(), node.CommandsTopic(), node.EventsTopic(), node.RefusedTopic()} {
			wantRight(t, test.who+" reads "+topic, kafka.ReadFirst(ctx, test.cfg, topic), slices.Contains(test.read, topic))
			wantRight(t, test.who+" writes "+topic, kafka.WriteOne(test.cfg, topic), slices.Contains(test.write, topic))
		}
	}
	follows(ctx, t, consumer)
}

// TestInitOnTopicsMadeForKafka: where others make the topics, init takes the rights
// of a node.
func TestInitOnTopicsMadeForKafka(t *testing.T) {
	t.Parallel()
	g := accesstest.NewGuarded(t)
	prefix := "r" + uuid.NewString()[:8]
	node := kafka.Config{Brokers: g.Brokers, Access: g.User(prefix + "-node"), Prefix: prefix}
	g.GrantAsDocumented(prefix)
	for _, topic := range []string{node.JournalTopic(), node.CommandsTopic(), node.EventsTopic(), node.RefusedTopic()} {
		if err := g.Admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kafka.Init(t.Context(), node, 1, 1, uuid.New); err != nil {
		t.Errorf("init: %v", err)
	}
}

// nodeDoesItsWork is every way in which a node speaks to Kafka.
func nodeDoesItsWork(ctx context.Context, t *testing.T, cfg kafka.Config) {
	t.Helper()
	for _, f := range kafka.Check(ctx, cfg) {
		if !f.OK {
			t.Errorf("%s: %s", f.Name, f.Problem)
		}
	}
	log, err := kafka.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	m := record("one")
	_, appended := log.Append(ctx, m)
	anyEvent := func(journal.Record) (bool, error) { return true, nil }
	_, noLast := log.LastEvent(ctx, 0, anyEvent)
	published := log.AppendEvents(ctx, 0, m)
	_, last := log.LastEvent(ctx, 0, anyEvent)
	_, reached := log.Reach(ctx)
	if err := errors.Join(appended, noLast, published, last, reached, log.ShowProjected(ctx, map[int32]int64{0: 2}), log.CheckOnce(ctx)); err != nil {
		t.Error(err)
	}
	if got := values(ctx, t, log); got != "one" {
		t.Errorf("the journal holds %q", got)
	}
	commandsGoRound(ctx, t, cfg)
}

func commandsGoRound(ctx context.Context, t *testing.T, cfg kafka.Config) {
	t.Helper()
	commands, err := kafka.NewCommandPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = commands.Close() }()
	refused, err := kafka.NewRefusedPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = refused.Close() }()
	m := message.NewMessage("m", []byte("x"))
	m.Metadata.Set(kafka.MetadataKey, "k")
	if err := errors.Join(commands.Publish(cfg.CommandsTopic(), m), refused.Publish(cfg.RefusedTopic(), m)); err != nil {
		t.Fatal(err)
	}
	inbox, err := kafka.NewCommandSubscriber(cfg, "inbox")
	receive(ctx, t, inbox, err, cfg.CommandsTopic())
	saga, err := kafka.NewEventSubscriber(cfg, "saga.trigger", nil)
	receive(ctx, t, saga, err, cfg.EventsTopic())
}

func receive(ctx context.Context, t *testing.T, sub message.Subscriber, err error, topic string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-messages:
		m.Ack()
	case <-ctx.Done():
		t.Fatalf("nothing came from %s", topic)
	}
}

// follows reads the events as a program of somebody else's does, in the group that
// the page names.
func follows(ctx context.Context, t *testing.T, cfg kafka.Config) {
	t.Helper()
	group, err := sarama.NewConsumerGroup(cfg.Brokers, "audit", made(t)(cfg.GroupSarama()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = group.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := &firstOf{cancel: cancel}
	if err := group.Consume(ctx, []string{cfg.EventsTopic()}, first); err != nil {
		t.Errorf("the consumer's group: %v", err)
	}
	if !first.came {
		t.Error("the consumer was told of no event")
	}
}

// firstOf ends with the first record.
type firstOf struct {
	cancel context.CancelFunc
	came   bool
}

func (*firstOf) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*firstOf) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (f *firstOf) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	_, f.came = <-claim.Messages()
	f.cancel()
	return nil
}

func wantRight(t *testing.T, what string, err error, allowed bool) {
	t.Helper()
	switch {
	case allowed && err != nil:
		t.Errorf("%s: %v", what, err)
	case !allowed && !forbidden(err):
		t.Errorf("%s is not forbidden: %v", what, err)
	}
}

func forbidden(err error) bool {
	return errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrClusterAuthorizationFailed)
}
