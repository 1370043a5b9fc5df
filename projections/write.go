package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain/planted"
)

// NotifyChannel is where a committed batch is announced: "partition:next".
const NotifyChannel = "duolog_offsets"

// errLost says that somebody else moved the partition's offset. Nothing was
// written; the offset is read again.
var errLost = errors.New("the offset was moved by somebody else")

// sqlstateLost is what swap_offset raises.
const sqlstateLost = "DL001"

// write is the one transaction of a batch, in one round trip: the statements of
// a pgx batch between two syncs are one transaction. The swap is the first
// statement, so its failure is the first result and nothing else has happened.
//
// What is durable: with synchronous_commit off a crash of Postgres may lose
// this transaction, offset and rows together; the batch is then taken again
// from the log. A crash of this process loses it whole or not at all.
func (p *Projector) write(ctx context.Context, b *batch) error {
	statements := &pgx.Batch{}
	b.queue(statements)
	if planted.Bug("offset_outside_transaction") {
		alone := &pgx.Batch{QueuedQueries: statements.QueuedQueries[:1]}
		if err := sent(p.cfg.Pool.SendBatch(ctx, alone), 1); err != nil {
			return err
		}
		statements.QueuedQueries = statements.QueuedQueries[1:]
	}
	if !p.cfg.Quiet {
		statements.Queue(`SELECT pg_notify($1, $2)`, NotifyChannel, fmt.Sprintf("%d:%d", b.partition, b.next))
	}
	return sent(p.cfg.Pool.SendBatch(ctx, statements), statements.Len())
}

// try runs the statements of a batch and takes them back: it finds out whether
// Postgres takes the rows.
func try(ctx context.Context, pool *pgxpool.Pool, b *batch) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(ctx) //nolint:errcheck // the rollback is the point; a broken connection rolls back too
	statements := &pgx.Batch{}
	b.queue(statements)
	return sent(tx.SendBatch(ctx, statements), statements.Len())
}

func (b *batch) queue(statements *pgx.Batch) {
	statements.Queue(`SELECT swap_offset($1, $2, $3, $4)`, b.partition, b.from, b.next, b.tables)
	b.rows.queue(statements)
	if planted.Bug("offset_swapped_last") {
		statements.QueuedQueries = append(statements.QueuedQueries[1:], statements.QueuedQueries[0])
	}
}

// sent reads the results in order and returns the first error.
func sent(results pgx.BatchResults, n int) error {
	var first error
	for range n {
		if _, err := results.Exec(); err != nil {
			first = err
			break
		}
	}
	if err := results.Close(); first == nil {
		first = err
	}
	pg, ok := errors.AsType[*pgconn.PgError](first)
	if ok && pg.Code == sqlstateLost {
		return errLost
	}
	return first
}

// isBadData says whether Postgres refused the rows for what is in them: data
// exceptions, integrity violations, limits exceeded.
func isBadData(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) < 2 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54":
		return true
	}
	return false
}
