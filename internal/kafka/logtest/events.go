package logtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

func (f *fixture) lastEvent(l *kafka.Log, partition int32, want string) {
	f.t.Helper()
	got, err := l.LastEvent(f.ctx, partition, anything)
	f.must(err)
	switch {
	case want == "" && got != nil:
		f.t.Fatalf("last event is %q, want none", got.Value)
	case want != "" && (got == nil || string(got.Value) != want):
		f.t.Fatalf("last event is %v, want %q", got, want)
	}
}

func anything(journal.Record) (bool, error) { return true, nil }

func nothing(journal.Record) (bool, error) { return false, nil }

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
	if _, err := l.LastEvent(f.ctx, partitions, anything); err == nil {
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
	f.produce(cfg, &sarama.ProducerMessage{Topic: f.cfg.JournalTopic(), Partition: 2, Value: sarama.StringEncoder("in a transaction")})
	reach, err := l.Reach(f.ctx)
	f.must(err)
	ends, err := l.Ends(f.ctx)
	f.must(err)
	if reach[2] != 2 || ends[2] != 3 || reach[0] != 1 {
		f.t.Fatalf("the last records stand before %v, the partitions end at %v", reach, ends)
	}
}

func eventsDeleted(f *fixture) {
	l := f.open()
	f.must(l.AppendEvents(f.ctx, 3, []journal.Message{message(3, "gone")}))
	f.must(f.admin.DeleteRecords(f.cfg.EventsTopic(), map[int32]int64{3: 1}))
	_, err := l.LastEvent(f.ctx, 3, anything)
	f.unsafe(err, "all were deleted")
}

// eventsBehind: what others wrote behind the last event is looked past.
func eventsBehind(f *fixture) {
	l := f.open()
	f.must(l.AppendEvents(f.ctx, 1, []journal.Message{message(1, "first"), message(1, "ours")}))
	for i := range 3 {
		var foreign []journal.Message
		for j := range 300 {
			foreign = append(foreign, message(1, fmt.Sprint("foreign ", i, j)))
		}
		f.must(l.AppendEvents(f.ctx, 1, foreign))
	}
	ours := func(r journal.Record) (bool, error) { return !strings.HasPrefix(string(r.Value), "foreign"), nil }
	got, err := l.LastEvent(f.ctx, 1, ours)
	f.must(err)
	if got == nil || string(got.Value) != "ours" {
		f.t.Fatalf("last event is %v, want ours", got)
	}
	if got, err = l.LastEvent(f.ctx, 1, nothing); err != nil || got != nil {
		f.t.Fatalf("a topic where nothing was ever published: %v, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err = l.LastEvent(f.ctx, 1, func(journal.Record) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		f.t.Fatalf("who judges the records failed: %v", err)
	}
	f.must(f.admin.DeleteRecords(f.cfg.EventsTopic(), map[int32]int64{1: 5}))
	_, err = l.LastEvent(f.ctx, 1, nothing)
	f.unsafe(err, "usable ce_position")
}
