// Package operations reads what operators ask of the read models as a whole:
// who works on a partition, which streams have stopped, how many workflows
// there are.
package operations

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
)

// Queries reads across tenants. It is safe for concurrent use.
type Queries struct{ pool *pgxpool.Pool }

// New makes a Queries.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Owner is who works on a partition, until when unless it says so again.
type Owner struct {
	Node  string
	Until time.Time
}

// Owners says who works on each partition now.
func (q *Queries) Owners(ctx context.Context) (map[int32]Owner, error) {
	rows, err := q.pool.Query(ctx, `SELECT partition, owner, until FROM leases WHERE until > now()`)
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	out := map[int32]Owner{}
	var p int32
	var o Owner
	if _, err := pgx.ForEachRow(rows, []any{&p, &o.Node, &o.Until}, func() error { out[p] = o; return nil }); err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	return out, nil
}

// Nodes are the processes that live, by name.
func (q *Queries) Nodes(ctx context.Context) ([]string, error) {
	rows, err := q.pool.Query(ctx, `SELECT id FROM nodes WHERE until > now() ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return names, nil
}

// After counts the accepted commits of a partition behind an offset.
func (q *Queries) After(ctx context.Context, partition int32, offset int64) (int64, error) {
	var n int64
	err := q.pool.QueryRow(ctx, `SELECT count(*) FROM commits WHERE partition = $1 AND "offset" > $2`, partition, offset).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count commits of partition %d behind %d: %w", partition, offset, err)
	}
	return n, nil
}

// Newest is the time of the newest commit among the last ones of the partitions;
// zero where there is none.
func (q *Queries) Newest(ctx context.Context) (time.Time, error) {
	var t *time.Time
	err := q.pool.QueryRow(ctx, `SELECT max(c.time) FROM offsets o
		JOIN LATERAL (SELECT time FROM commits WHERE partition = o.partition ORDER BY "offset" DESC LIMIT 1) c ON true`).Scan(&t)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the newest commit: %w", err)
	}
	if t == nil {
		return time.Time{}, nil
	}
	return *t, nil
}

// Stopped is a stream with an accepted commit that could not be folded.
type Stopped struct {
	Stream   string
	Position domain.Position
	Reason   string
	Build    string
}

// StoppedIn counts the stopped streams of each partition that has any.
func (q *Queries) StoppedIn(ctx context.Context) (map[int32]int, error) {
	rows, err := q.pool.Query(ctx, `SELECT partition, count(*) FROM stopped GROUP BY partition`)
	if err != nil {
		return nil, fmt.Errorf("count stopped streams: %w", err)
	}
	out := map[int32]int{}
	var p int32
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&p, &n}, func() error { out[p] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count stopped streams: %w", err)
	}
	return out, nil
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

// Streams are those of workflows with this number, and of workflows and
// conversations with this UUID.
func (q *Queries) Streams(ctx context.Context, name string) ([]domain.StreamID, error) {
	number, _ := strconv.ParseInt(name, 10, 64)
	id, _ := uuid.Parse(name)
	rows, err := q.pool.Query(ctx, `SELECT stream FROM workflows WHERE number = $1 AND $1 > 0
		UNION SELECT stream FROM workflows WHERE id = $2 UNION SELECT stream FROM conversations WHERE id = $2`, number, id)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", name, err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (domain.StreamID, error) {
		var key string
		if err := r.Scan(&key); err != nil {
			return domain.StreamID{}, err
		}
		return domain.ParseStreamID(key)
	})
}

// NthLast is the offset of the commit with which the last n of a stream begin, or of
// its first one if it has fewer; -1 where it has none.
func (q *Queries) NthLast(ctx context.Context, stream domain.StreamID, n int) (int64, error) {
	var offset int64
	err := q.pool.QueryRow(ctx, `SELECT coalesce(min("offset"), -1) FROM
		(SELECT "offset" FROM commits WHERE stream = $1 ORDER BY "offset" DESC LIMIT $2) last`, projections.ShortKeyOf(stream.String()), max(0, n)).Scan(&offset)
	if err != nil {
		return 0, fmt.Errorf("look for the commits of %s: %w", stream, err)
	}
	return offset, nil
}
