package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
)

const foreignDatabase = "use the database of this log, or put the journal of the database's log back in its place; a new log takes an empty database."

// agreement says whether a database derives from the log: whether it is bound to
// it, is not ahead of it, and knows the history that stands there. The database
// is read first: other nodes write meanwhile, and the log only grows.
func agreement(ctx context.Context, log *kafka.Log, db *postgres.DB) (*kafka.SafetyError, error) {
	err := db.OfLog(ctx, log.Genesis())
	if errors.Is(err, postgres.ErrForeignLog) {
		return &kafka.SafetyError{Problem: err.Error() + ".", Fix: foreignDatabase}, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := db.Derived(ctx)
	if err != nil {
		return nil, err
	}
	derived := map[int32]kafka.Derived{}
	for _, r := range rows {
		d := kafka.Derived{Next: r.Next}
		if r.Last != nil {
			if len(r.Hash) != len(journal.Hash{}) {
				return nil, fmt.Errorf("the hash of commit %d:%d has %d bytes", r.Partition, *r.Last, len(r.Hash))
			}
			d.HasLast, d.Last, d.Hash = true, *r.Last, journal.Hash(r.Hash)
		}
		derived[r.Partition] = d
	}
	return log.Holds(ctx, derived)
}

// watch keeps looking at the log, and whether the database still derives from
// it: either may be restored from a copy under a running node.
func (n *node) watch(ctx context.Context) error {
	agrees := func(ctx context.Context) (*kafka.SafetyError, error) { return agreement(ctx, n.log, n.db) }
	return n.log.Watch(ctx, append(slices.Clone(n.cfg.checks), agrees)...)
}
