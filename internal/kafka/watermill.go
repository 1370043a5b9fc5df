package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/IBM/sarama"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/wmlog"
)

// NewCommandSubscriber reads the inbox as a member of a consumer group:
// Subscribe(ctx, cfg.CommandsTopic()).
//
// At least once, in order within a partition, one message at a time: the next
// one comes after Ack. Nack brings the same one again and holds its partition,
// and after a rebalance the whole group, so a handler retries a few times,
// parks and acknowledges. After a rebalance the old owner's context lives on
// and its Ack does nothing: only what the journal accepts counts. A group
// begins at the oldest record, and an offset that is gone is an error. Its name is
// led by the prefix of the topics: two logs on one cluster share no group.
func NewCommandSubscriber(cfg Config, group string) (message.Subscriber, error) {
	return newSubscriber(cfg, group, nil)
}

// NewEventSubscriber reads the events topic for a saga, as NewCommandSubscriber
// reads the inbox: Subscribe(ctx, cfg.EventsTopic()). Of the events it hands over those
// that are wanted by their type, "" where there is none; nil wants all.
func NewEventSubscriber(cfg Config, group string, wants func(eventType string) bool) (message.Subscriber, error) {
	return newSubscriber(cfg, group, wants)
}

func newSubscriber(cfg Config, group string, wants func(eventType string) bool) (message.Subscriber, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if group == "" {
		return nil, errors.New("subscribe: a consumer group is needed")
	}
	s := &subscriber{cfg: cfg, group: group, wants: wants}
	s.ctx, s.cancel = context.WithCancel(context.Background()) //nolint:forbidigo // ends with Close, which Watermill's interface asks for
	return s, nil
}

// NewCommandPublisher writes keyed messages with the partitioner that other
// languages have too. The key is MetadataKey and must be there. Publish sends
// one message at a time and returns when all in-sync replicas have it; after an
// error the outcome is unknown. It connects at once.
func NewCommandPublisher(cfg Config) (message.Publisher, error) {
	s := &spread{seed: maphash.MakeSeed()}
	for range commandProducers {
		pub, err := newPublisher(cfg, marshaler{})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.over = append(s.over, pub)
	}
	return s, nil
}

// NewRefusedPublisher is for a poison queue: it takes messages without a key
// and adds where each was read, in headers that begin with MetadataSource.
func NewRefusedPublisher(cfg Config) (message.Publisher, error) {
	return newPublisher(cfg, marshaler{refused: true})
}

func newPublisher(cfg Config, m marshaler) (message.Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	config, err := cfg.saramaCommands()
	if err != nil {
		return nil, fmt.Errorf("connect publisher: %w", err)
	}
	pub, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{
		Brokers: cfg.Brokers, Marshaler: m, OverwriteSaramaConfig: config,
	}, wmlog.New(cfg.logger()))
	if err != nil {
		return nil, fmt.Errorf("connect publisher: %w", err)
	}
	return pub, nil
}

// NewReplyPublisher writes to topics that others name. A *domain.Error means that
// the topic takes no such message, now or later: it is not there, this node may not
// write to it, or the message is too large for it.
func NewReplyPublisher(cfg Config) (message.Publisher, error) {
	pub, err := newPublisher(cfg, marshaler{})
	return replyPublisher{pub}, err
}

type replyPublisher struct{ message.Publisher }

// Publish implements message.Publisher.
func (p replyPublisher) Publish(topic string, msgs ...*message.Message) error {
	err := p.Publisher.Publish(topic, msgs...)
	for _, never := range []sarama.KError{
		sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic, sarama.ErrTopicAuthorizationFailed, sarama.ErrMessageSizeTooLarge,
	} {
		if errors.Is(err, never) {
			return &domain.Error{
				Code: domain.CodeNotFound, Field: "replyto", Message: "the topic " + topic + " takes no answer: " + never.Error(),
				Fix: "make the topic, and let the nodes write to it", Err: err,
			}
		}
	}
	return err
}
