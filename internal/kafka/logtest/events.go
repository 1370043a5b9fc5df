package logtest

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

func (f *fixture) lastEvent(l *kafka.Log, partition int32, want string) {
	f.t.Helper()
	got, err := l.LastEvent(f.ctx, partition)
	f.must(err)
	switch {
	case want == "" && got != nil:
		f.t.Fatalf("last event is %q, want none", got.Value)
	case want != "" && (got == nil || string(got.Value) != want):
		f.t.Fatalf("last event is %v, want %q", got, want)
	}
}

func events(f *fixture) {
	l := f.open()
	f.lastEvent(l, 1, "")
	for i := range 3 {
		last := fmt.Sprint(i, "b")
		f.must(l.AppendEvents(f.ctx, 1, []journal.Message{message(0, fmt.Sprint(i, "a")), message(0, last)}))
		f.lastEvent(l, 1, last)
	}
	f.lastEvent(l, 0, "")
	f.must(l.AppendEvents(f.ctx, 0, nil))
	if _, err := l.LastEvent(f.ctx, partitions); err == nil {
		f.t.Fatal("a partition that is not there has a last event")
	}
}

func eventsMarker(f *fixture) {
	l := f.open()
	cfg := plainConfig()
	cfg.Producer.Idempotent = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Transaction.ID = f.cfg.Prefix
	f.produce(cfg, &sarama.ProducerMessage{Topic: f.cfg.EventsTopic(), Partition: 2, Value: sarama.StringEncoder("in a transaction")})
	f.lastEvent(l, 2, "in a transaction")
}

func eventsDeleted(f *fixture) {
	l := f.open()
	f.must(l.AppendEvents(f.ctx, 3, []journal.Message{message(3, "gone")}))
	f.must(f.admin.DeleteRecords(f.cfg.EventsTopic(), map[int32]int64{3: 1}))
	_, err := l.LastEvent(f.ctx, 3)
	f.unsafe(err, "all were deleted")
}
