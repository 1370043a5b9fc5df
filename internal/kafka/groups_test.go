package kafka_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/internal/kafka"
)

// TestGroup: a group that never read has everything before it, then what it has not
// acknowledged; members are those that read now.
func TestGroup(t *testing.T) {
	t.Parallel()
	ctx, _, cfg, log := openFaulty(t)
	pub, err := kafka.NewCommandPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	for i := range 3 {
		m := message.NewMessage(strconv.Itoa(i), []byte("x"))
		m.Metadata.Set(kafka.MetadataKey, "k")
		if err := pub.Publish(cfg.CommandsTopic(), m); err != nil {
			t.Fatal(err)
		}
	}
	becomes(ctx, t, log, cfg.CommandsTopic(), kafka.GroupState{Lag: 3})
	sub, err := kafka.NewCommandSubscriber(cfg, "readers")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := sub.Subscribe(ctx, cfg.CommandsTopic())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m := <-messages
		m.Ack()
	}
	becomes(ctx, t, log, cfg.CommandsTopic(), kafka.GroupState{Members: 1, Lag: 1})
	(<-messages).Ack()
	becomes(ctx, t, log, cfg.CommandsTopic(), kafka.GroupState{Members: 1})
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	becomes(ctx, t, log, cfg.CommandsTopic(), kafka.GroupState{})
}

// becomes waits for a state: offsets are committed every second.
func becomes(ctx context.Context, t *testing.T, log *kafka.Log, topic string, want kafka.GroupState) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := log.Group(ctx, "readers", topic)
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the group is %+v, want %+v", got, want)
		}
	}
}
