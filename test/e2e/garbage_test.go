package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestGarbageInEveryTopic writes what nobody should write into every topic while
// people ask: they get their answer, and each piece is set aside with a reason.
func TestGarbageInEveryTopic(t *testing.T) {
	t.Parallel()
	d := newDev(t, 200*time.Millisecond)
	d.start()
	s := newStranger(t, d)
	goal := "what changed between the garbage?"
	asked := d.ask(goal)
	asked.Said(t, "accepted")
	for _, topic := range []string{"journal", "commands", "events", "commands.refused"} {
		s.litter("duolog." + topic)
	}
	foreign := s.foreignCommand()
	if code := asked.Await(t, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
		t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
	}
	d.once(d.only(goal), 0, "created", "run_started", "delivered")
	s.ignored(d)
	s.refusals(foreign)

	d.proc.Kill()
	d.start()
	if out := d.must("ask", "what changed after the garbage?"); strings.Count(out, "✓ delivered") != 1 {
		t.Errorf("after a start:\n%s", out)
	}
	before := d.all()
	d.must("projection", "rebuild")
	d.theReadModels()
	if after := d.all(); after["list"] != before["list"] {
		t.Error("after a rebuild the list differs")
	}
	if r := d.run("doctor"); r.Code != 0 {
		t.Errorf("doctor:\n%s%s", r.Out, r.Err)
	}
}

// stranger writes into topics as any program with access can.
type stranger struct {
	t        *testing.T
	brokers  []string
	producer sarama.SyncProducer
	pieces   [][2][]byte
	// sent counts what went into each topic.
	sent map[string]int
}

func newStranger(t *testing.T, d *dev) *stranger {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer([]string{d.log}, cfg)
	fleettest.OK(t, err)
	t.Cleanup(func() { _ = producer.Close() })
	random := make([]byte, 4096)
	_, _ = rand.Read(random)
	stream := "acme/workflow/" + uuid.NewString()
	return &stranger{
		t: t, brokers: []string{d.log}, producer: producer, sent: map[string]int{},
		pieces: [][2][]byte{
			{nil, nil},
			{[]byte("key"), nil},
			{nil, []byte("value")},
			{random[:64], random},
			{[]byte(strings.Repeat("k", 100_000)), []byte("{}")},
			{[]byte(stream), []byte("{")},
			{[]byte(stream), []byte(`{"v":1,"stream":"` + stream + `"}`)},
			{[]byte("acme/workflow/x"), []byte(`{"v":999,"events":[{}]}`)},
			{[]byte(stream), []byte(strings.Repeat("[", 50_000))},
			{[]byte(stream), []byte("\x00\xff{\"v\":1}")},
			{[]byte(stream), []byte(strings.Repeat("x", 900_000))},
		},
	}
}

// litter writes each piece into each partition.
func (s *stranger) litter(topic string) {
	s.t.Helper()
	partitions := int32(4)
	if strings.HasSuffix(topic, ".refused") {
		partitions = 1
	}
	for p := range partitions {
		for _, piece := range s.pieces {
			s.send(topic, p, piece[0], piece[1])
		}
	}
}

func (s *stranger) send(topic string, partition int32, key, value []byte) {
	s.t.Helper()
	m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Headers: []sarama.RecordHeader{{Key: []byte("b:nonsense"), Value: []byte("x")}, {Key: []byte("ce_type"), Value: []byte{0xff, 0}}}}
	if key != nil {
		m.Key = sarama.ByteEncoder(key)
	}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	if _, _, err := s.producer.SendMessage(m); err != nil {
		s.t.Fatalf("write to %s: %v", topic, err)
	}
	s.sent[topic]++
}

// foreignCommand is a command in good form that cannot be carried out.
func (s *stranger) foreignCommand() string {
	s.t.Helper()
	id := uuid.NewString()
	stream := "acme/workflow/" + uuid.NewString()
	body, err := json.Marshal(map[string]any{
		"id": id, "type": "workflow.update_status", "v": 1, "stream": stream,
		"principal": map[string]string{"user": "mia"}, "data": map[string]string{"event": "pause"},
	})
	fleettest.OK(s.t, err)
	s.send("duolog.commands", 0, []byte(stream), body)
	return id
}

// ignored says that each piece in the journal has its reason.
func (s *stranger) ignored(d *dev) {
	s.t.Helper()
	url, want := d.connection().Database, s.sent["duolog.journal"]
	fleettest.Eventually(s.t, 15*time.Second, func() error {
		if n := fleettest.Query[int](s.t, url, "SELECT count(*) FROM ignored"); n != want {
			return fmt.Errorf("%d records are ignored, want %d", n, want)
		}
		return nil
	})
	if n := fleettest.Query[int](s.t, url, "SELECT count(*) FROM ignored WHERE reason = '' OR detail = ''"); n != 0 {
		s.t.Errorf("%d are ignored without a reason", n)
	}
	verified := fleettest.Decode[struct{ Ignored map[string]int }](s.t, d.must("journal", "verify", "--json"))
	sum := 0
	for _, n := range verified.Ignored {
		sum += n
	}
	if sum != want {
		s.t.Errorf("journal verify ignores %v, want %d in all", verified.Ignored, want)
	}
	s.counted(d, verified.Ignored)
	if out := d.must("journal", "tail", "-n", "200"); strings.Count(out, "ignored: ") < want {
		s.t.Errorf("journal tail shows %d ignored records, want %d", strings.Count(out, "ignored: "), want)
	}
}

// counted says that the statistics of the log have each record once, and those that
// are ignored by their reason.
func (s *stranger) counted(d *dev, ignored map[string]int) {
	s.t.Helper()
	stats := fleettest.Decode[struct {
		Records int
		Bytes   int64
		Kinds   []struct {
			Kind    string
			Records int
			Bytes   int64
		}
	}](s.t, d.must("journal", "stats", "--json"))
	records, bytes := 0, int64(0)
	for _, k := range stats.Kinds {
		records, bytes = records+k.Records, bytes+k.Bytes
		if reason, is := strings.CutPrefix(k.Kind, "ignored "); is && ignored[reason] != k.Records {
			s.t.Errorf("journal stats counts %d records that are ignored as %s, there are %d", k.Records, reason, ignored[reason])
		}
	}
	if records != stats.Records || bytes != stats.Bytes || len(stats.Kinds) < len(ignored)+2 {
		s.t.Errorf("journal stats: %+v does not add up", stats)
	}
}

// refusals says that each bad command is set aside.
func (s *stranger) refusals(foreign string) {
	s.t.Helper()
	want := s.sent["duolog.commands"]
	fleettest.Eventually(s.t, 15*time.Second, func() error {
		refused, reasons := s.refused()
		if refused < want {
			return fmt.Errorf("%d commands are refused with a reason, want %d", refused, want)
		}
		if !strings.Contains(reasons, foreign) {
			return errors.New("the command of the stranger is not among them")
		}
		return nil
	})
}

// refused counts the refusals with a reason, and is all of them.
func (s *stranger) refused() (int, string) {
	s.t.Helper()
	consumer, err := sarama.NewConsumer(s.brokers, nil)
	fleettest.OK(s.t, err)
	defer func() { _ = consumer.Close() }()
	p, err := consumer.ConsumePartition("duolog.commands.refused", 0, sarama.OffsetOldest)
	fleettest.OK(s.t, err)
	defer func() { _ = p.Close() }()
	var all strings.Builder
	n := 0
	for {
		select {
		case m := <-p.Messages():
			for _, h := range m.Headers {
				if string(h.Key) == "reason" && len(h.Value) > 0 {
					n++
				}
			}
			all.Write(m.Value)
			if m.Offset+1 >= p.HighWaterMarkOffset() {
				return n, all.String()
			}
		case <-s.t.Context().Done():
			return n, all.String()
		}
	}
}
