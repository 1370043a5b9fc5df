package logtest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// unsafe wants a SafetyError with a fix, and a piece of its text.
func (f *fixture) unsafe(err error, text string) {
	f.t.Helper()
	unsafe, ok := errors.AsType[*kafka.SafetyError](err)
	if !ok {
		f.t.Fatalf("want a SafetyError, got %v", err)
	}
	if unsafe.Fix == "" || !strings.Contains(err.Error(), text) {
		f.t.Fatalf("want %q and a fix, got %v", text, err)
	}
}

func initAgain(f *fixture) {
	first := f.init()
	if again := f.init(); again != first {
		f.t.Fatalf("init again: %v, was %v", again, first)
	}
	l, err := kafka.Open(f.ctx, f.cfg)
	f.must(err)
	defer func() { _ = l.Close() }()
	if l.Genesis() != first || first.Partitions != partitions {
		f.t.Fatalf("opened %v, init said %v", l.Genesis(), first)
	}
	ends, err := l.Ends(f.ctx)
	f.must(err)
	for p := range int32(partitions) {
		if ends[p] != 1 {
			f.t.Fatalf("ends are %v: init again wrote", ends)
		}
	}
}

func initRace(f *fixture) {
	const starters = 4
	var got [starters]journal.Genesis
	var wg sync.WaitGroup
	for i := range starters {
		wg.Go(func() {
			var err error
			if got[i], err = kafka.Init(f.ctx, f.cfg, partitions, 1, uuid.New); err != nil {
				f.t.Errorf("starter %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	l, err := kafka.Open(f.ctx, f.cfg)
	f.must(err)
	defer func() { _ = l.Close() }()
	for i := range starters {
		if got[i] != l.Genesis() {
			f.t.Fatalf("starter %d has log %s, the log is %s", i, got[i].Log, l.Genesis().Log)
		}
	}
}

// halfDone makes the topics and a genesis in partition 0 only.
func (f *fixture) halfDone(first journal.Message) {
	f.t.Helper()
	infinite, size := "-1", "2097152"
	topics := map[string]int32{
		f.cfg.JournalTopic(): partitions, f.cfg.CommandsTopic(): partitions, f.cfg.EventsTopic(): partitions, f.cfg.RefusedTopic(): 1,
	}
	for topic, n := range topics {
		f.must(f.admin.CreateTopic(topic, &sarama.TopicDetail{
			NumPartitions: n, ReplicationFactor: 1,
			ConfigEntries: map[string]*string{"retention.ms": &infinite, "max.message.bytes": &size},
		}, false))
	}
	f.eventually("all topics are known", func() bool {
		found, err := f.admin.DescribeTopics(slices.Collect(maps.Keys(topics)))
		return err == nil && !slices.ContainsFunc(found, func(t *sarama.TopicMetadata) bool { return t.Err != sarama.ErrNoError })
	})
	f.eventually("the journal can be written", func() bool {
		p, err := sarama.NewSyncProducer(f.cfg.Brokers, plainConfig())
		if err != nil {
			return false
		}
		defer func() { _ = p.Close() }()
		_, _, err = p.SendMessage(&sarama.ProducerMessage{
			Topic: f.cfg.JournalTopic(), Key: sarama.ByteEncoder(first.Key), Value: sarama.ByteEncoder(first.Value),
		})
		return err == nil
	})
}

func initHalfDone(f *fixture) {
	begun := journal.Genesis{Log: uuid.New(), Partitions: partitions, Partitioner: journal.Partitioner, Format: journal.Version}
	m, err := begun.Message()
	f.must(err)
	f.halfDone(m)
	_, err = kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "partition 1 of the journal topic")
	if g := f.init(); g != begun {
		f.t.Fatalf("init made %v of %v", g, begun)
	}
	l, err := kafka.Open(f.ctx, f.cfg)
	f.must(err)
	f.must(l.Close())
}

func initOtherCount(f *fixture) {
	f.init()
	_, err := kafka.Init(f.ctx, f.cfg, partitions+1, 1, uuid.New)
	f.unsafe(err, "the count is for ever")
}

func foreignLog(f *fixture) {
	f.halfDone(journal.Message{Key: []byte("someone"), Value: []byte("else's")})
	_, err := kafka.Init(f.ctx, f.cfg, partitions, 1, uuid.New)
	f.unsafe(err, "not a Duolog journal")
	_, err = kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "not a Duolog journal")
}

func missingLog(f *fixture) {
	_, err := kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "does not exist")
	if _, err := kafka.Open(f.ctx, kafka.Config{}); domain.CodeOf(err) != domain.CodeInvalidField {
		f.t.Fatalf("open without brokers: %v", err)
	}
}
