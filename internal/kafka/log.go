package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Log is an open journal with its events topic. It is safe for concurrent use.
type Log struct {
	conn    *conn
	genesis journal.Genesis
	journal []*appender
	events  []*eventWriter
	unsafe  atomic.Pointer[SafetyError]
	// suspected asks Watch to look.
	suspected chan struct{}
	// reached is, by partition, the offset behind the last record of the journal
	// that this process has seen or written.
	reached []atomic.Int64
}

// Open checks that the topics are a complete, safe Duolog log and writes
// nothing. It fails with a *SafetyError that says what is wrong and what to do.
// Close it when all its readers are closed.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	c, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	g, findings, err := c.inspect(ctx)
	if err == nil {
		if unsafe := firstProblem(findings); unsafe != nil {
			err = unsafe
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", cfg.JournalTopic(), cfg.withoutRight(err)), c.close())
	}
	l := &Log{conn: c, genesis: g, suspected: make(chan struct{}, 1), reached: make([]atomic.Int64, g.Partitions)}
	for p := range g.Partitions {
		l.journal = append(l.journal, l.appender(cfg.JournalTopic(), p))
		l.events = append(l.events, &eventWriter{writer: cfg.writer(cfg.EventsTopic(), p)})
	}
	return l, nil
}

func (l *Log) appender(topic string, partition int32) *appender {
	return &appender{topic: topic, partition: partition, allowed: l.allowed, writer: l.conn.cfg.writer(topic, partition)}
}

// Close waits for appends on their way and disconnects.
func (l *Log) Close() error {
	var errs []error
	for p := range l.journal {
		errs = append(errs, l.journal[p].close(), l.events[p].close())
	}
	return errors.Join(append(errs, l.conn.close())...)
}

// Genesis is what record 0:0 says: the log's id and its partition count.
func (l *Log) Genesis() journal.Genesis { return l.genesis }

// Append writes messages of one partition, in order and adjacent, and returns
// their positions when all in-sync replicas have them.
//
// Refused before anything is written: CodeLogUnsafe while the log is unsafe,
// CodeTooLarge for a record that does not fit, and a message outside the
// partition that its key says. After any other error, ctx's included, the
// outcome is unknown: send the same bytes again, and let the chain decide.
func (l *Log) Append(ctx context.Context, msgs []journal.Message) ([]domain.Position, error) {
	if len(msgs) == 0 {
		return nil, nil
	}
	for _, m := range msgs {
		switch want := journal.PartitionOf(m.Key, l.genesis.Partitions); {
		case m.Partition != want:
			return nil, fmt.Errorf("append %q: partition %d is not %d, which its key says", m.Key, m.Partition, want)
		case m.Partition != msgs[0].Partition:
			return nil, fmt.Errorf("append %q: partition %d is not %d like the first message", m.Key, m.Partition, msgs[0].Partition)
		}
	}
	if err := l.allowed(); err != nil {
		return nil, err
	}
	for _, m := range msgs {
		if err := checkSize(m); err != nil {
			return nil, err
		}
	}
	return l.appendTo(ctx, l.journal[msgs[0].Partition], msgs)
}

// appendTo looks at the log when an append fails, and at where its records came
// to stand: a log never goes back.
func (l *Log) appendTo(ctx context.Context, a *appender, msgs []journal.Message) ([]domain.Position, error) {
	reached := l.reached[a.partition].Load()
	out, err := a.append(ctx, msgs)
	if err != nil {
		l.suspect()
		return nil, err
	}
	if out[0].Offset < reached {
		return nil, l.regress(ctx, out[0], reached)
	}
	l.advance(a.partition, out[len(out)-1].Offset+1)
	return out, nil
}

// allowed says whether anything may be written.
func (l *Log) allowed() error {
	if unsafe := l.unsafe.Load(); unsafe != nil {
		return unsafe.refusal()
	}
	return nil
}

// Starts is the offset of the first record of each partition of the journal: 0,
// or the log is not whole.
func (l *Log) Starts(ctx context.Context) (map[int32]int64, error) {
	return l.conn.offsets(ctx, l.conn.cfg.JournalTopic(), l.genesis.Partitions, sarama.OffsetOldest)
}

// Ends is the offset that the next record of each partition of the journal
// gets. The offset before it need not hold a record: a stranger's transaction
// leaves a marker there.
func (l *Log) Ends(ctx context.Context) (map[int32]int64, error) {
	return l.conn.offsets(ctx, l.conn.cfg.JournalTopic(), l.genesis.Partitions, sarama.OffsetNewest)
}

// Reach is the offset after the last record of each partition of the journal:
// what a reader that has read everything comes to.
func (l *Log) Reach(ctx context.Context) (map[int32]int64, error) {
	out, err := l.Ends(ctx)
	if err != nil {
		return nil, err
	}
	for p, end := range out {
		last, found, err := l.lastBefore(ctx, domain.Position{Partition: p}, end)
		if err != nil {
			return nil, err
		}
		if out[p] = 0; found {
			out[p] = last.Offset + 1
		}
	}
	return out, nil
}

// LastFrom is the last record of a partition of the journal that stands at an offset or
// after it; false where there is none.
func (l *Log) LastFrom(ctx context.Context, at domain.Position) (domain.Position, bool, error) {
	ends, err := l.conn.offsetsOf(ctx, l.conn.cfg.JournalTopic(), []int32{at.Partition}, sarama.OffsetNewest)
	if err != nil {
		return domain.Position{}, false, err
	}
	return l.lastBefore(ctx, at, ends[at.Partition])
}

// lastBefore is the last record that stands at an offset of the journal or after it, and
// before end.
func (l *Log) lastBefore(ctx context.Context, at domain.Position, end int64) (domain.Position, bool, error) {
	anyRecord := func(journal.Record) (bool, error) { return true, nil }
	last, err := l.conn.last(ctx, place{l.conn.cfg.JournalTopic(), at.Partition, at.Offset}, end, anyRecord)
	if err != nil || last == nil {
		return domain.Position{}, false, err
	}
	return last.Position, true, nil
}

// ReadAt reads one record. CodeNotFound says that none stands there.
func (l *Log) ReadAt(ctx context.Context, pos domain.Position) (journal.Record, error) {
	none := &domain.Error{Code: domain.CodeNotFound, Message: "no record stands at " + pos.String()}
	if pos.Partition < 0 || pos.Partition >= l.genesis.Partitions || pos.Offset < 0 {
		return journal.Record{}, none
	}
	got, err := l.conn.fetch(ctx, place{l.conn.cfg.JournalTopic(), pos.Partition, pos.Offset}, fewBytes)
	switch {
	case errors.Is(err, sarama.ErrOffsetOutOfRange):
		return journal.Record{}, none
	case err != nil:
		return journal.Record{}, fmt.Errorf("read %s: %w", pos, err)
	case len(got.records) == 0 || got.records[0].Position != pos:
		return journal.Record{}, none
	}
	return got.records[0], nil
}
