package intents

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// Intent is one effect that is owed.
type Intent struct {
	Stream domain.StreamID
	Kind   workflow.IntentKind
	// ID is the run or the delivery.
	ID uuid.UUID
	// Due is when it may be tried; of an open attempt, when that was made.
	Due time.Time
	// Attempt numbers the latest attempt, 0 before the first; Open means that
	// its outcome is unknown, By is the instance that made it.
	Attempt int
	Open    bool
	By      string
	// Lane is the destination: the engine or the adapter.
	Lane string
	// Home is the node that claimed the run, empty before.
	Home string
}

// Queries reads intents. It is safe for concurrent use.
type Queries struct{ pool *pgxpool.Pool }

// New makes a Queries.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Due lists what is due before a time, oldest first, at most limit, in pages:
// after is the last intent of the page before, nil for the first. A time ahead
// of the clock also gives what will be due next.
func (q *Queries) Due(ctx context.Context, partition int32, before time.Time, after *Intent, limit int) ([]Intent, error) {
	return q.due(ctx, `partition = $1`, partition, before, after, limit)
}

// DueAt is Due for the runs that a node claimed, whoever owns their partition.
func (q *Queries) DueAt(ctx context.Context, node string, before time.Time, after *Intent, limit int) ([]Intent, error) {
	return q.due(ctx, `home = $1 AND home <> ''`, node, before, after, limit)
}

func (q *Queries) due(ctx context.Context, where string, of any, before time.Time, after *Intent, limit int) ([]Intent, error) {
	if after == nil {
		after = &Intent{}
	}
	stream := ""
	if after.Stream.ID != uuid.Nil {
		stream = after.Stream.String()
	}
	found, err := q.pool.Query(ctx, `SELECT stream, kind, id, due, attempt, open, by, lane, home FROM intents
		WHERE `+where+` AND due <= $2 AND (due, stream, kind, id) > ($3, $4, $5, $6)
		ORDER BY due, stream, kind, id LIMIT $7`,
		of, before, after.Due, stream, string(after.Kind), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read the intents of %v: %w", of, err)
	}
	out, err := pgx.CollectRows(found, scan)
	if err != nil {
		return nil, fmt.Errorf("read the intents of %v: %w", of, err)
	}
	return out, nil
}

// Orphan is a run whose node is gone: nobody else can say how it ends.
type Orphan struct {
	Stream domain.StreamID
	Run    uuid.UUID
	Node   string
}

// Orphans lists the runs of a partition, on these engines, whose node has not
// said that it lives for longer than missing.
func (q *Queries) Orphans(ctx context.Context, partition int32, engines []string, missing time.Duration) ([]Orphan, error) {
	found, err := q.pool.Query(ctx, `SELECT w.stream, w.run, w.home FROM workflows w JOIN heads h USING (stream)
		WHERE w.active AND w.home <> '' AND w.engine = ANY($2) AND h.partition = $1
		AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = w.home AND n.until > now() - make_interval(secs => $3)) LIMIT 100`,
		partition, engines, missing.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look for runs whose node is gone: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (o Orphan, err error) {
		var stream string
		if err := row.Scan(&stream, &o.Run, &o.Node); err != nil {
			return o, err
		}
		o.Stream, err = domain.ParseStreamID(stream)
		return o, err
	})
}

// Active lists the workflows of a partition that have a run on these engines, in
// pages: after is the last stream of the page before, empty for the first.
func (q *Queries) Active(ctx context.Context, partition int32, engines []string, after string, limit int) ([]domain.StreamID, error) {
	found, err := q.pool.Query(ctx, `SELECT w.stream FROM workflows w JOIN heads h USING (stream)
		WHERE w.active AND w.engine = ANY($2) AND h.partition = $1 AND w.stream > $3 ORDER BY w.stream LIMIT $4`,
		partition, engines, after, limit)
	if err != nil {
		return nil, fmt.Errorf("look for runs of partition %d: %w", partition, err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (domain.StreamID, error) {
		var stream string
		if err := row.Scan(&stream); err != nil {
			return domain.StreamID{}, err
		}
		return domain.ParseStreamID(stream)
	})
}

func scan(row pgx.CollectableRow) (Intent, error) {
	var in Intent
	var stream, kind string
	if err := row.Scan(&stream, &kind, &in.ID, &in.Due, &in.Attempt, &in.Open, &in.By, &in.Lane, &in.Home); err != nil {
		return in, err
	}
	in.Kind, in.Due = workflow.IntentKind(kind), in.Due.UTC()
	var err error
	in.Stream, err = domain.ParseStreamID(stream)
	return in, err
}
