// Package copies reads a thread for copying: which checkpoints there are, oldest first,
// and each as it is stored, with what of its parent it shares.
package copies

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Queries reads threads. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// Keys are the checkpoints of a workflow, by id.
func (q *Queries) Keys(ctx context.Context, stream domain.StreamID) (keys []workflow.CheckpointKey, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		found, err := tx.Query(ctx, `SELECT DISTINCT ns, thread_ts FROM checkpoints WHERE stream = $1 ORDER BY thread_ts, ns`, projections.ShortKeyOf(stream.String()))
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (key workflow.CheckpointKey, err error) {
			var ns []byte
			err = row.Scan(&ns, &key.TS)
			key.NS = string(ns)
			return key, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the checkpoints of %s: %w", stream, err)
	}
	return keys, nil
}

// Page reads checkpoints, in the order of keys and as many of the first as a page holds,
// but one at least. Those that are not there any more are left out.
func (q *Queries) Page(ctx context.Context, stream domain.StreamID, keys []workflow.CheckpointKey) (page []stored.Checkpoint, read int, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		hashes, ids := make([][]byte, len(keys)), make([]uuid.UUID, len(keys))
		for i, key := range keys {
			hashes[i], ids[i] = projections.NSHash(key.NS), key.TS
		}
		page, err = stored.Find(ctx, tx, stored.Query{
			Select: `SELECT c.* FROM unnest($3::bytea[], $4::uuid[]) AS u(ns_hash, thread_ts) CROSS JOIN LATERAL (SELECT $2::uuid AS stream, u.ns_hash, u.thread_ts) k
				CROSS JOIN LATERAL (` + projections.CheckpointOf("k", "$1") + `) c`,
			Args: []any{projections.ShortKeyOf(stream.String()), hashes, ids}, Before: projections.AllNumbers,
		})
		if err != nil {
			return err
		}
		place := make(map[workflow.CheckpointKey]int, len(keys))
		for i, key := range keys {
			place[key] = i
		}
		of := func(c stored.Checkpoint) int { return place[workflow.CheckpointKey{NS: c.NS, TS: c.ThreadTS}] }
		slices.SortFunc(page, func(a, b stored.Checkpoint) int { return of(a) - of(b) })
		read = len(keys)
		if n, _ := stored.Fit(page); n < len(page) {
			read, page = of(page[n]), page[:n]
		}
		return stored.Read(ctx, tx, page)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read %d checkpoints of %s: %w", len(keys), stream, err)
	}
	return page, read, nil
}
