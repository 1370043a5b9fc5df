package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/handlers/wmlog"
)

// resubscribe is how long a subscriber whose session broke waits before it joins
// its group again.
const resubscribe = 250 * time.Millisecond

// subscriber is a member of a consumer group. Watermill's own subscriber keeps a
// goroutine of each session that broke, for ever; so it is used for one session,
// and another one takes over when that wants to begin the next.
type subscriber struct {
	cfg    Config
	group  string
	wants  func(eventType string) bool
	ctx    context.Context //nolint:containedctx // ends with Close, which Watermill's interface asks for
	cancel context.CancelFunc
	open   sync.WaitGroup
}

// Subscribe hands over messages until ctx ends or the subscriber is closed.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.ctx.Err() != nil {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	out := make(chan *message.Message)
	s.open.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		for ctx.Err() == nil {
			if err := s.session(ctx, topic, out); err != nil {
				s.cfg.logger().WarnContext(ctx, "topic cannot be consumed, trying again", slog.String("topic", topic), slog.String("group", s.group), slog.Any("error", err))
			}
			pause(ctx, resubscribe)
		}
	})
	return out, nil
}

// Close ends all subscriptions and waits for them.
func (s *subscriber) Close() error {
	s.cancel()
	s.open.Wait()
	return nil
}

// session consumes until the connection to the group breaks.
func (s *subscriber) session(ctx context.Context, topic string, out chan<- *message.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	config, err := s.cfg.saramaGroup()
	if err != nil {
		return fmt.Errorf("subscribe group %s: %w", s.group, err)
	}
	sub, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{
		Brokers: s.cfg.Brokers, ConsumerGroup: s.cfg.prefix() + "." + s.group, Unmarshaler: unmarshaler{},
		OverwriteSaramaConfig: config, Tracer: &oneSession{wants: s.wants, end: cancel},
	}, wmlog.New(s.cfg.logger()))
	if err != nil {
		return fmt.Errorf("subscribe group %s: %w", s.group, err)
	}
	defer func() { _ = sub.Close() }()
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		return fmt.Errorf("subscribe group %s: %w", s.group, err)
	}
	for m := range messages {
		select {
		case out <- m:
		case <-ctx.Done():
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// oneSession ends a subscription when it begins its second session, and selects what
// that one is handed. Watermill asks it for each.
type oneSession struct {
	wants func(eventType string) bool
	begun bool
	end   context.CancelFunc
}

func (o *oneSession) WrapConsumerGroupHandler(h sarama.ConsumerGroupHandler) sarama.ConsumerGroupHandler {
	if o.begun {
		o.end()
	}
	o.begun = true
	if o.wants != nil {
		return selecting{h, o.wants}
	}
	return h
}

func (*oneSession) WrapConsumer(c sarama.Consumer) sarama.Consumer { return c }

func (*oneSession) WrapPartitionConsumer(c sarama.PartitionConsumer) sarama.PartitionConsumer {
	return c
}

func (*oneSession) WrapSyncProducer(_ *sarama.Config, p sarama.SyncProducer) sarama.SyncProducer {
	return p
}
