package kafka_test

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// TestOneAnswerIsNoLostStart: a broker that refuses offset 0 once, of a partition
// that begins there, does not stop writing.
func TestOneAnswerIsNoLostStart(t *testing.T) {
	t.Parallel()
	ctx, cluster, cfg, log := openFaulty(t)
	h := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: cfg.JournalTopic(), Err: kerr.OffsetOutOfRange})
	if err := log.CheckOnce(ctx); err == nil || log.Unsafe() != nil {
		t.Errorf("the check says %v and the log is unsafe: %v", err, log.Unsafe())
	}
	if h.Hits() != 1 {
		t.Errorf("the fault was hit %d times", h.Hits())
	}
	if _, err := log.Append(ctx, record("a")); err != nil {
		t.Error(err)
	}
}

// TestHolds: a log holds what was derived from it if it reaches as far and is the
// same history.
func TestHolds(t *testing.T) {
	t.Parallel()
	ctx, _, _, log := openFaulty(t)
	for _, v := range []string{"a", "b"} {
		if _, err := log.Append(ctx, record(v)); err != nil {
			t.Fatal(err)
		}
	}
	b := journal.HashOf([]byte("b"))
	for name, c := range map[string]struct {
		derived kafka.Derived
		problem string
	}{
		"nothing yet":     {kafka.Derived{}, ""},
		"behind":          {kafka.Derived{Next: 2, HasLast: true, Last: 1, Hash: journal.HashOf([]byte("a"))}, ""},
		"all of it":       {kafka.Derived{Next: 3, HasLast: true, Last: 2, Hash: b}, ""},
		"more than there": {kafka.Derived{Next: 4, HasLast: true, Last: 2, Hash: b}, "the log has lost records"},
		"another history": {kafka.Derived{Next: 3, HasLast: true, Last: 1, Hash: b}, "is not the commit that the database was derived from"},
	} {
		unsafe, err := log.Holds(ctx, map[int32]kafka.Derived{0: c.derived})
		if err != nil || (unsafe == nil) != (c.problem == "") {
			t.Errorf("%s: %v, %v", name, unsafe, err)
			continue
		}
		if unsafe != nil && (!strings.Contains(unsafe.Problem, c.problem) || unsafe.Fix == "") {
			t.Errorf("%s: %v", name, unsafe)
		}
	}
}

// TestAnAppendNoticesALostEnd: when the log is put back to an older copy of itself,
// what is written next would stand where other records stood. It is not
// acknowledged, and no more is written.
func TestAnAppendNoticesALostEnd(t *testing.T) {
	t.Parallel()
	ctx, _, cfg, log := openFaulty(t)
	for _, v := range []string{"a", "b", "c"} {
		if _, err := log.Append(ctx, record(v)); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.DeleteTopic(cfg.JournalTopic()); err != nil {
		t.Fatal(err)
	}
	same := func() uuid.UUID { return log.Genesis().Log }
	if _, err := kafka.Init(ctx, cfg, 1, 1, same); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := log.Append(ctx, record("d")); domain.CodeOf(err) != domain.CodeLogUnsafe {
			t.Errorf("an append to a log that lost its end: %v", err)
		}
	}
	if v := values(ctx, t, log); v != "d" {
		t.Errorf("the log holds %q: the second append was written", v)
	}
}
