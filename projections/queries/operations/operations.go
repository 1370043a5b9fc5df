// Package operations reads what operators ask of the read models as a whole:
// who works on a partition, which streams have stopped, how many workflows
// there are.
package operations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
)

// Queries reads across tenants. It is safe for concurrent use.
type Queries struct{ pool *pgxpool.Pool }

// New makes a Queries.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Owners says who works on each partition now.
func (q *Queries) Owners(ctx context.Context) (map[int32]string, error) {
	rows, err := q.pool.Query(ctx, `SELECT partition, owner FROM leases WHERE until > now()`)
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	out := map[int32]string{}
	var p int32
	var owner string
	if _, err := pgx.ForEachRow(rows, []any{&p, &owner}, func() error { out[p] = owner; return nil }); err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	return out, nil
}

// Stopped is a stream with an accepted commit that could not be folded.
type Stopped struct {
	Stream   string
	Position domain.Position
	Reason   string
	Build    string
}

// Stopped lists them, the first hundred.
func (q *Queries) Stopped(ctx context.Context) ([]Stopped, error) {
	rows, err := q.pool.Query(ctx, `SELECT stream, partition, "offset", reason, build FROM stopped ORDER BY stream LIMIT 100`)
	if err != nil {
		return nil, fmt.Errorf("list stopped streams: %w", err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (s Stopped, err error) {
		err = r.Scan(&s.Stream, &s.Position.Partition, &s.Position.Offset, &s.Reason, &s.Build)
		return s, err
	})
}

// CountStopped counts all of them.
func (q *Queries) CountStopped(ctx context.Context) (n int64, err error) {
	if err = q.pool.QueryRow(ctx, `SELECT count(*) FROM stopped`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count stopped streams: %w", err)
	}
	return n, nil
}

// Owed is how many effects of a kind have no outcome, and for how many seconds
// the oldest of those that are due has been due.
type Owed struct {
	Count   int64
	Overdue float64
}

// Owed looks at all partitions.
func (q *Queries) Owed(ctx context.Context) (map[string]Owed, error) {
	rows, err := q.pool.Query(ctx, `SELECT kind, count(*), greatest(0, extract(epoch FROM now() - min(due)))::float8 FROM intents GROUP BY kind`)
	if err != nil {
		return nil, fmt.Errorf("look at what is owed: %w", err)
	}
	out := map[string]Owed{}
	var kind string
	var o Owed
	if _, err := pgx.ForEachRow(rows, []any{&kind, &o.Count, &o.Overdue}, func() error { out[kind] = o; return nil }); err != nil {
		return nil, fmt.Errorf("look at what is owed: %w", err)
	}
	return out, nil
}

// CountWorkflows counts them by status.
func (q *Queries) CountWorkflows(ctx context.Context) (map[string]int64, error) {
	rows, err := q.pool.Query(ctx, `SELECT status, count(*) FROM workflows GROUP BY status`)
	if err != nil {
		return nil, fmt.Errorf("count workflows: %w", err)
	}
	out := map[string]int64{}
	var status string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&status, &n}, func() error { out[status] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count workflows: %w", err)
	}
	return out, nil
}
