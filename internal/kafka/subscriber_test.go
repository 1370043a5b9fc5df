package kafka_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/duolog/duolog/internal/kafka"
)

// TestBrokenSessionsLeaveNothingBehind: a group that cannot be joined many times
// is joined in the end, and no goroutine of the attempts stays.
func TestBrokenSessionsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	ctx, cluster, cfg, _ := openFaulty(t)
	const attempts = 20
	broken := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed, TopLevel: true, Count: attempts})
	sub, err := kafka.NewCommandSubscriber(cfg, "group")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := sub.Subscribe(ctx, cfg.CommandsTopic())
	if err != nil {
		t.Fatal(err)
	}
	pub, err := kafka.NewCommandPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pub.Close() }()
	m := message.NewMessage("m", []byte("x"))
	m.Metadata.Set(kafka.MetadataKey, "k")
	if err := pub.Publish(cfg.CommandsTopic(), m); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-messages:
		got.Ack()
	case <-ctx.Done():
		t.Fatal("the message never came")
	}
	if broken.Hits() != attempts {
		t.Errorf("%d sessions broke, want %d", broken.Hits(), attempts)
	}
	if n := consuming(); n > attempts/2 {
		t.Errorf("%d goroutines of broken sessions are left", n)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-messages; open {
		t.Error("a closed subscriber handed over a message")
	}
}

// consuming counts goroutines that Watermill's subscriber began for a session.
func consuming() int {
	buf := make([]byte, 4<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "created by github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka.(*Subscriber).consumeMessages ")
}
