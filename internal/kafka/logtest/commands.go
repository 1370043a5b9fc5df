package logtest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	wm "github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// subscribe reads the inbox until the test ends.
func (f *fixture) subscribe(topic string) <-chan *wm.Message {
	f.t.Helper()
	sub, err := kafka.NewCommandSubscriber(f.cfg, f.cfg.Prefix+"-group")
	f.must(err)
	f.t.Cleanup(func() { f.must(sub.Close()) })
	messages, err := sub.Subscribe(f.ctx, topic)
	f.must(err)
	return messages
}

func (f *fixture) receive(messages <-chan *wm.Message) *wm.Message {
	f.t.Helper()
	select {
	case m := <-messages:
		return m
	case <-f.ctx.Done():
		f.t.Fatal("no message came")
		return nil
	}
}

func (f *fixture) publish(publisher wm.Publisher, err error, topic string, m *wm.Message) {
	f.t.Helper()
	f.must(err)
	defer func() { f.must(publisher.Close()) }()
	f.must(publisher.Publish(topic, m))
}

func commands(f *fixture) {
	f.init()
	garbage := []byte{0xff, 0, 0xfe}
	f.produce(plainConfig(),
		&sarama.ProducerMessage{Topic: f.cfg.CommandsTopic(), Partition: 1, Value: sarama.ByteEncoder(garbage)},
		&sarama.ProducerMessage{Topic: f.cfg.CommandsTopic(), Partition: 1, Key: sarama.ByteEncoder(garbage), Headers: []sarama.RecordHeader{
			{Key: []byte{}}, {Key: []byte("ce_id"), Value: garbage},
		}})
	ours := wm.NewMessage("", []byte(`{"x":1}`))
	ours.Metadata = wm.Metadata{kafka.MetadataKey: "acme/workflow/7", "ce_id": "c-1", "ce_type": "start", "content-type": "application/json"}
	publisher, err := kafka.NewCommandPublisher(f.cfg)
	f.publish(publisher, err, f.cfg.CommandsTopic(), ours)

	got := map[string]*wm.Message{}
	messages := f.subscribe(f.cfg.CommandsTopic())
	for range 3 {
		m := f.receive(messages)
		got[m.UUID] = m
		m.Ack()
	}
	first := got[fmt.Sprintf("%s:1:0", f.cfg.CommandsTopic())]
	if first == nil || string(first.Payload) != string(garbage) || first.Metadata.Get(kafka.MetadataPartition) != "1" || first.Metadata.Get(kafka.MetadataOffset) != "0" {
		f.t.Fatalf("garbage came as %v", first)
	}
	if second := got[string(garbage)]; second == nil || second.Payload != nil || second.Metadata.Get(kafka.MetadataKey) != string(garbage) {
		f.t.Fatalf("a tombstone with a bad key came as %v", second)
	}
	f.sameCommand(got["c-1"], ours)
}

func (f *fixture) sameCommand(got, sent *wm.Message) {
	f.t.Helper()
	if got == nil || string(got.Payload) != string(sent.Payload) {
		f.t.Fatalf("the command came as %v", got)
	}
	want := journal.PartitionOf([]byte(sent.Metadata.Get(kafka.MetadataKey)), partitions)
	if p := got.Metadata.Get(kafka.MetadataPartition); p != strconv.Itoa(int(want)) {
		f.t.Fatalf("the command is in partition %s, its key says %d", p, want)
	}
	for name, value := range sent.Metadata {
		if got.Metadata.Get(name) != value {
			f.t.Fatalf("metadata %s is %q, sent %q", name, got.Metadata.Get(name), value)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, got.Metadata.Get(kafka.MetadataTimestamp)); err != nil {
		f.t.Fatalf("timestamp: %v", err)
	}
	if len(got.Metadata) != len(sent.Metadata)+4 { // topic, partition, offset, timestamp
		f.t.Fatalf("metadata is %v, sent %v", got.Metadata, sent.Metadata)
	}
}

func commandsNack(f *fixture) {
	f.init()
	sent := wm.NewMessage("", []byte("again"))
	sent.Metadata.Set(kafka.MetadataKey, "k")
	publisher, err := kafka.NewCommandPublisher(f.cfg)
	f.publish(publisher, err, f.cfg.CommandsTopic(), sent)
	messages := f.subscribe(f.cfg.CommandsTopic())
	first := f.receive(messages)
	first.Nack()
	second := f.receive(messages)
	second.Ack()
	if first.UUID == "" || first.UUID != second.UUID || string(second.Payload) != "again" {
		f.t.Fatalf("%s came again as %s", first.UUID, second.UUID)
	}
}

func refused(f *fixture) {
	f.init()
	f.produce(plainConfig(), &sarama.ProducerMessage{Topic: f.cfg.CommandsTopic(), Partition: 3, Value: sarama.StringEncoder("no key")})
	m := f.receive(f.subscribe(f.cfg.CommandsTopic()))
	m.Metadata.Set("reason_poisoned", "not JSON")
	publisher, err := kafka.NewRefusedPublisher(f.cfg)
	f.publish(publisher, err, f.cfg.RefusedTopic(), m)
	m.Ack()

	strict, err := kafka.NewCommandPublisher(f.cfg)
	f.must(err)
	if err := strict.Publish(f.cfg.CommandsTopic(), m.Copy()); err == nil {
		f.t.Fatal("a command without a key was published")
	}
	f.must(strict.Close())

	sub, err := kafka.NewEventSubscriber(f.cfg, f.cfg.Prefix+"-refused", nil)
	f.must(err)
	defer func() { f.must(sub.Close()) }()
	messages, err := sub.Subscribe(f.ctx, f.cfg.RefusedTopic())
	f.must(err)
	got := f.receive(messages)
	got.Ack()
	if got.Metadata.Get("source_partition") != "3" || got.Metadata.Get("source_topic") != f.cfg.CommandsTopic() ||
		got.Metadata.Get("reason_poisoned") != "not JSON" || got.UUID != m.UUID || string(got.Payload) != "no key" {
		f.t.Fatalf("refused as %v", got)
	}
}
