package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Derived is how far something was derived from a partition of the journal.
type Derived struct {
	// Next is the offset that is taken next.
	Next int64
	// Last is where the last accepted commit stands, HasLast whether there is one,
	// and Hash its hash.
	Last    int64
	HasLast bool
	Hash    journal.Hash
}

// Holds says whether the log still holds what was derived from it: that it
// reaches as far, and that the last commit of each partition is the one that
// stands there. A log that lost its end and grew again reaches far enough and is
// another history. What was derived must have been read before the call: the log
// only grows.
func (l *Log) Holds(ctx context.Context, derived map[int32]Derived) (*SafetyError, error) {
	ends, err := l.Reach(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(derived)) {
		d := derived[p]
		if d.Next > ends[p] {
			return l.conn.lost(p, d.Next, ends[p]), nil
		}
		if !d.HasLast {
			continue
		}
		at := domain.Position{Partition: p, Offset: d.Last}
		switch r, err := l.ReadAt(ctx, at); {
		case domain.CodeOf(err) == domain.CodeNotFound:
			return l.conn.rewritten(at), nil
		case err != nil:
			return nil, err
		case journal.HashOf(r.Value) != d.Hash:
			return l.conn.rewritten(at), nil
		}
	}
	return nil, nil //nolint:nilnil // nothing is wrong
}

// regress is what an append finds whose records stand where records of this log
// stood before: its end was lost meanwhile.
func (l *Log) regress(ctx context.Context, at domain.Position, reached int64) error {
	unsafe := l.conn.lost(at.Partition, reached, at.Offset)
	l.report(ctx, l.unsafe.Swap(unsafe), unsafe)
	l.suspect()
	return unsafe.refusal()
}

// advance remembers that the log has a record below next.
func (l *Log) advance(partition int32, next int64) {
	for {
		was := l.reached[partition].Load()
		if next <= was || l.reached[partition].CompareAndSwap(was, next) {
			return
		}
	}
}

const giveUpTheLost = "restore the topic from a copy that has these records. If there is none, give up what they said: " +
	"stop all nodes, duolog projection rebuild, start them again."

func (c *conn) lost(partition int32, seen, end int64) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the log has lost records: partition %d of the journal topic %s ends at %d, and %d records of it were seen. (Or the database is newer than the log.)",
			partition, c.cfg.JournalTopic(), end, seen),
		Fix: giveUpTheLost,
	}
}

func (c *conn) rewritten(at domain.Position) *SafetyError {
	return &SafetyError{
		Problem: fmt.Sprintf("the log has lost records: what stands at %s of the journal topic %s is not the commit that the database was derived from.",
			at, c.cfg.JournalTopic()),
		Fix: giveUpTheLost,
	}
}
