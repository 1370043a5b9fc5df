// Command consume follows everything that happens, as a member of a consumer group:
// the members share the partitions, and each goes on where the group stopped.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: consume BROKERS TOPIC GROUP")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // this is main
	err := run(ctx, os.Args[1], os.Args[2], os.Args[3])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "consume:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers, topic, group string) error {
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: strings.Split(brokers, ","), ConsumerGroup: group, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: settings,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	defer subscriber.Close() //nolint:errcheck // the offsets of what was printed are with the broker
	messages, err := subscriber.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	for m := range messages {
		// At least once: who acts on an event remembers its ce_id with what it did.
		_, _ = fmt.Fprintln(os.Stdout, m.Metadata.Get("ce_id"), m.Metadata.Get("ce_type"), m.Metadata.Get("ce_subject"))
		m.Ack()
	}
	return nil
}
