package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

const produceKey = 0 // of the protocol

// openFaulty is a log of one partition on a cluster that a test can disturb.
func openFaulty(t *testing.T) (context.Context, *kfake.Cluster, kafka.Config, *kafka.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := kafka.Config{Brokers: cluster.ListenAddrs()}
	if _, err := kafka.Init(ctx, cfg, 1, 1, uuid.New); err != nil {
		t.Fatal(err)
	}
	log, err := kafka.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return ctx, cluster, cfg, log
}

func values(ctx context.Context, t *testing.T, log *kafka.Log) string {
	t.Helper()
	ends, err := log.Ends(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := log.Reader(ctx, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var out []string
	for int64(len(out)) < ends[0]-1 {
		got, err := r.Next(ctx, 100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range got {
			out = append(out, string(record.Value))
		}
	}
	return strings.Join(out, " ")
}

func record(value string) []journal.Message {
	return []journal.Message{{Key: []byte("k"), Value: []byte(value)}}
}

// refuseProduce answers n produce requests with an error and writes nothing.
func refuseProduce(cluster *kfake.Cluster, n int, refusal *kerr.Error) {
	cluster.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		if n == 0 {
			return nil, nil, false
		}
		n--
		cluster.KeepControl()
		in, ok := req.(*kmsg.ProduceRequest)
		if !ok {
			return nil, nil, false
		}
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = in.Version
		for _, topic := range in.Topics {
			out := kmsg.NewProduceResponseTopic()
			out.Topic, out.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.ErrorCode = p.Partition, refusal.Code
				out.Partitions = append(out.Partitions, part)
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp, nil, true
	})
}

// TestAppendRetriesWhatPasses: a short fault is not the caller's.
func TestAppendRetriesWhatPasses(t *testing.T) {
	t.Parallel()
	ctx, cluster, _, log := openFaulty(t)
	refuseProduce(cluster, 2, kerr.NotEnoughReplicas)
	got, err := log.Append(ctx, record("a"))
	if err != nil || got[0].Offset != 1 {
		t.Fatalf("append: %v, %v", got, err)
	}
	if v := values(ctx, t, log); v != "a" {
		t.Fatalf("the log holds %q", v)
	}
}

// TestAppendAfterError: the session that failed does not hold the next one up.
func TestAppendAfterError(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*kerr.Error{kerr.MessageTooLarge, kerr.InvalidRecord, kerr.PolicyViolation, kerr.RequestTimedOut} {
		t.Run(refusal.Message, func(t *testing.T) {
			t.Parallel()
			ctx, cluster, _, log := openFaulty(t)
			if _, err := log.Append(ctx, record("a")); err != nil {
				t.Fatal(err)
			}
			refuseProduce(cluster, 6, refusal)
			if _, err := log.Append(ctx, record("lost")); err == nil {
				t.Fatal("the broker refused, the append succeeded")
			}
			refuseProduce(cluster, 0, nil)
			var err error
			for err = errors.New("not yet"); err != nil && ctx.Err() == nil; {
				_, err = log.Append(ctx, record("b"))
			}
			if v := values(ctx, t, log); v != "a b" {
				t.Fatalf("the log holds %q", v)
			}
		})
	}
}

// TestAppendOvertaken: a caller that gives up is told so at once; what was on
// its way arrives, what still waited does not.
func TestAppendOvertaken(t *testing.T) {
	t.Parallel()
	ctx, cluster, _, log := openFaulty(t)
	if _, err := log.Append(ctx, record("a")); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	arrived, release := make(chan struct{}), make(chan struct{})
	cluster.ControlKey(produceKey, func(kmsg.Request) (kmsg.Response, error, bool) {
		once.Do(func() { close(arrived) })
		<-release
		return nil, nil, false
	})
	short, cancel := context.WithCancel(ctx)
	first := make(chan error, 1)
	go func() {
		_, err := log.Append(short, record("on-its-way"))
		first <- err
	}()
	<-arrived
	second := make(chan error, 1)
	go func() {
		_, err := log.Append(short, record("waiting"))
		second <- err
	}()
	cancel()
	for _, outcome := range []chan error{first, second} {
		if err := <-outcome; !errors.Is(err, context.Canceled) {
			t.Errorf("overtaken append: %v", err)
		}
	}
	close(release)
	if _, err := log.Append(ctx, record("b")); err != nil {
		t.Fatal(err)
	}
	if v := values(ctx, t, log); v != "a on-its-way b" {
		t.Fatalf("the log holds %q", v)
	}
}

// TestAnotherLog: topics that were deleted and made anew are another log, for
// the watch, for a new reader and for one that runs.
func TestAnotherLog(t *testing.T) {
	t.Parallel()
	ctx, _, cfg, log := openFaulty(t)
	if _, err := log.Append(ctx, record("a")); err != nil {
		t.Fatal(err)
	}
	r, err := log.Reader(ctx, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.DeleteTopic(cfg.JournalTopic()); err != nil {
		t.Fatal(err)
	}
	if err := log.CheckOnce(ctx); err != nil || log.Unsafe() == nil {
		t.Fatalf("a deleted journal: %v, %v", log.Unsafe(), err)
	}
	if _, err := kafka.Init(ctx, cfg, 1, 1, uuid.New); err != nil {
		t.Fatal(err)
	}
	if err := log.CheckOnce(ctx); err != nil || log.Unsafe() == nil || !strings.Contains(log.Unsafe().Problem, "is now log") {
		t.Fatalf("another log: %v, %v", log.Unsafe(), err)
	}
	_, err = log.Reader(ctx, 0, 1)
	wantUnsafe(t, err)
	_, err = r.Next(ctx, 1, 1)
	wantUnsafe(t, err)
}

func wantUnsafe(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*kafka.SafetyError](err); !ok {
		t.Fatalf("want a SafetyError, got %v", err)
	}
}

// TestEventsHaveNoGap: when the broker refuses some of the writes of one
// AppendEvents, what is written is the first ones, never later ones alone.
func TestEventsHaveNoGap(t *testing.T) {
	t.Parallel()
	ctx, cluster, _, log := openFaulty(t)
	var msgs []journal.Message
	for i := range 40 { // more than one batch
		msgs = append(msgs, journal.Message{Key: []byte("k"), Value: fmt.Appendf(nil, "%02d%s", i, strings.Repeat("x", 100<<10))})
	}
	for refused := range 4 {
		after := refused
		cluster.ControlKey(produceKey, func(kmsg.Request) (kmsg.Response, error, bool) {
			if after--; after < 0 {
				refuseProduce(cluster, 1, kerr.NotEnoughReplicas)
				return nil, nil, false
			}
			cluster.KeepControl()
			return nil, nil, false
		})
		if err := log.AppendEvents(ctx, 0, msgs); err == nil {
			t.Errorf("write %d was refused, the append succeeded", refused)
		}
		seen := ""
		_, err := log.LastEvent(ctx, 0, func(r journal.Record) (bool, error) {
			seen = string(r.Value[:2]) + seen
			return string(r.Value[:2]) == "00", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for i := range len(seen) / 2 {
			want += fmt.Sprintf("%02d", i)
		}
		if seen != want {
			t.Errorf("write %d refused: the topic ends with %s", refused, seen)
		}
	}
}

// TestEveryProduceWaitsForAllReplicas: what fewer have acknowledged can be lost.
func TestEveryProduceWaitsForAllReplicas(t *testing.T) {
	t.Parallel()
	ctx, cluster, _, log := openFaulty(t)
	acks := make(chan int16, 10)
	cluster.ControlKey(produceKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if in, ok := req.(*kmsg.ProduceRequest); ok {
			acks <- in.Acks
		}
		return nil, nil, false
	})
	if _, err := log.Append(ctx, record("a")); err != nil {
		t.Fatal(err)
	}
	if err := log.AppendEvents(ctx, 0, record("b")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-acks; got != -1 {
			t.Errorf("acks is %d, want -1: all", got)
		}
	}
}
