package kafka_test

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/internal/kafka"
)

// TestSelection: what is not wanted is never handed over and counts as read, but not
// before what stands in front of it; a record without a type is offered as any other.
func TestSelection(t *testing.T) {
	t.Parallel()
	ctx, _, cfg, log := openFaulty(t)
	pub, err := kafka.NewCommandPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	for _, typ := range strings.Split("step step ours.1 step step ours.2 - step", " ") {
		m := message.NewMessage("", []byte(typ))
		m.Metadata = message.Metadata{kafka.MetadataKey: "k", "ce_type": typ}
		if typ == "-" {
			delete(m.Metadata, "ce_type")
		}
		if err := pub.Publish(cfg.EventsTopic(), m); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(typ string) bool { return typ == "" || strings.HasPrefix(typ, "ours.") }
	read := func() (<-chan *message.Message, func()) {
		t.Helper()
		sub, err := kafka.NewEventSubscriber(cfg, "readers", wants)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := sub.Subscribe(ctx, cfg.EventsTopic())
		if err != nil {
			t.Fatal(err)
		}
		return messages, func() {
			if err := sub.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	next := func(messages <-chan *message.Message, want string) *message.Message {
		t.Helper()
		select {
		case m := <-messages:
			if string(m.Payload) != want {
				t.Fatalf("%s came, not %s", m.Payload, want)
			}
			return m
		case <-ctx.Done():
			t.Fatalf("%s never came", want)
			return nil
		}
	}

	messages, stop := read()
	next(messages, "ours.1").Nack()
	next(messages, "ours.1") // the steps behind it were seen meanwhile
	becomes(ctx, t, log, cfg.EventsTopic(), kafka.GroupState{Members: 1, Lag: 6})
	stop()
	becomes(ctx, t, log, cfg.EventsTopic(), kafka.GroupState{Lag: 6})
	messages, stop = read()
	defer stop()
	next(messages, "ours.1").Ack()
	next(messages, "ours.2").Ack()
	becomes(ctx, t, log, cfg.EventsTopic(), kafka.GroupState{Members: 1, Lag: 2})
	next(messages, "-").Ack()
	becomes(ctx, t, log, cfg.EventsTopic(), kafka.GroupState{Members: 1})
}
