package logtest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

// checked looks until the log is unsafe, or safe: a cluster takes a moment to
// tell all its brokers.
func (f *fixture) checked(l *kafka.Log, unsafe bool) {
	f.t.Helper()
	f.eventually("the check sees the change", func() bool {
		f.must(l.CheckOnce(f.ctx))
		return (l.Unsafe() != nil) == unsafe
	})
}

func finiteRetention(f *fixture) {
	l := f.open()
	f.set(f.cfg.JournalTopic(), "retention.ms", "604800000")
	f.checked(l, true)
	_, err := l.Append(f.ctx, []journal.Message{message(0, "x")})
	refusal, ok := errors.AsType[*domain.Error](err)
	if !ok || refusal.Code != domain.CodeLogUnsafe || !strings.Contains(refusal.Message, "keeps records for 7 days, so it would delete its own truth") {
		f.t.Fatalf("append with finite retention: %v", err)
	}
	if err := l.AppendEvents(f.ctx, 0, []journal.Message{message(0, "x")}); domain.CodeOf(err) != domain.CodeLogUnsafe {
		f.t.Fatalf("append events with finite retention: %v", err)
	}
	_, err = kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "--entity-name "+f.cfg.JournalTopic()+" --add-config retention.ms=-1")
	f.set(f.cfg.JournalTopic(), "retention.ms", "-1")
	f.checked(l, false)
	_, err = l.Append(f.ctx, []journal.Message{message(0, "x")})
	f.must(err)
	again, err := kafka.Open(f.ctx, f.cfg)
	f.must(err)
	f.must(again.Close())
}

func unsafeSettings(f *fixture) {
	l := f.open()
	for _, s := range []struct{ topic, key, wrong, right, text string }{
		{f.cfg.CommandsTopic(), "retention.ms", "1000", "-1", "the commands topic"},
		{f.cfg.JournalTopic(), "retention.bytes", "1000000", "-1", "keeps only 1000000 bytes"},
		{f.cfg.JournalTopic(), "cleanup.policy", "compact", "delete", "cleanup.policy=compact"},
		{f.cfg.JournalTopic(), "unclean.leader.election.enable", "true", "false", "unclean leader election"},
		{f.cfg.JournalTopic(), "max.message.bytes", "1000", "2097152", "takes records of 1000 bytes only"},
	} {
		f.set(s.topic, s.key, s.wrong)
		f.checked(l, true)
		f.unsafe(l.Unsafe(), s.text)
		f.set(s.topic, s.key, s.right)
		f.checked(l, false)
	}
}

func morePartitions(f *fixture) {
	l := f.open()
	f.must(f.admin.CreatePartitions(f.cfg.JournalTopic(), partitions+1, nil, false))
	f.checked(l, true)
	_, err := l.Append(f.ctx, []journal.Message{message(0, "x")})
	if domain.CodeOf(err) != domain.CodeLogUnsafe {
		f.t.Fatalf("append after the count changed: %v", err)
	}
	_, err = kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "has 5 partitions")
}

func watch(f *fixture) {
	f.cfg.WatchInterval = 20 * time.Millisecond
	l := f.open()
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() { done <- l.Watch(ctx) }()
	f.set(f.cfg.JournalTopic(), "retention.ms", "1000")
	f.eventually("watch stops writing", func() bool { return l.Unsafe() != nil })
	f.set(f.cfg.JournalTopic(), "retention.ms", "-1")
	f.eventually("watch lets writing go on", func() bool { return l.Unsafe() == nil })
	cancel()
	f.must(<-done)
}

func doctor(f *fixture) {
	wrong := func() []string {
		var out []string
		for _, finding := range kafka.Check(f.ctx, f.cfg) {
			switch {
			case finding.Name == "":
				f.t.Fatalf("a finding without a name: %v", finding)
			case finding.OK:
			case finding.Problem == "" || finding.Fix == "":
				f.t.Fatalf("a finding without problem or fix: %v", finding)
			default:
				out = append(out, finding.Name)
			}
		}
		return out
	}
	if got := wrong(); len(got) != 4 {
		f.t.Fatalf("four topics are missing, found %q", got)
	}
	f.init()
	if got := wrong(); len(got) != 0 {
		f.t.Fatalf("a good log, found %q", got)
	}
	f.set(f.cfg.CommandsTopic(), "retention.ms", "1000")
	f.eventually("doctor sees the retention", func() bool {
		got := wrong()
		return len(got) == 1 && got[0] == f.cfg.CommandsTopic()+" retention.ms"
	})
}
