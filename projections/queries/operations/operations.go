package operations

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Stopped is a stream with an accepted commit that this build could not fold.
type Stopped struct {
	Stream   string
	Position domain.Position
	Reason   string
	Build    string
	Since    time.Time
}

// Ignored is a record that does not count.
type Ignored struct {
	Position domain.Position
	Reason   journal.Reason
	Detail   string
	Size     int64
}

// Queries reads the state of the product itself. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// Progress is the next record to take of each partition that was begun.
func (q *Queries) Progress(ctx context.Context) ([]domain.Position, error) {
	found, err := q.db.Pool.Query(ctx, `SELECT partition, next FROM offsets ORDER BY partition`)
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (p domain.Position, err error) {
		return p, row.Scan(&p.Partition, &p.Offset)
	})
}

// Stopped lists the tenant's streams that stopped, the oldest first.
func (q *Queries) Stopped(ctx context.Context, tenant domain.Tenant) ([]Stopped, error) {
	found, err := q.db.Pool.Query(ctx, `SELECT stream, partition, "offset", reason, build, since FROM stopped
		WHERE starts_with(stream, $1) ORDER BY since, stream LIMIT 1000`, string(tenant)+"/")
	if err != nil {
		return nil, fmt.Errorf("list stopped streams of %s: %w", tenant, err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (s Stopped, err error) {
		err = row.Scan(&s.Stream, &s.Position.Partition, &s.Position.Offset, &s.Reason, &s.Build, &s.Since)
		s.Since = s.Since.UTC()
		return s, err
	})
}

// Ignored lists the latest ignored records of a stream, newest first.
func (q *Queries) Ignored(ctx context.Context, stream domain.StreamID, limit int) ([]Ignored, error) {
	found, err := q.db.Pool.Query(ctx, `SELECT partition, "offset", reason, detail, size FROM ignored
		WHERE partition = $1 AND stream = $2 ORDER BY "offset" DESC LIMIT $3`, q.db.PartitionOf(stream), stream.String(), limit)
	if err != nil {
		return nil, fmt.Errorf("list ignored records of %s: %w", stream, err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (i Ignored, err error) {
		return i, row.Scan(&i.Position.Partition, &i.Position.Offset, &i.Reason, &i.Detail, &i.Size)
	})
}

// Deliveries lists the answers of a workflow and how they ended, oldest first.
func (q *Queries) Deliveries(ctx context.Context, stream domain.StreamID) ([]workflow.Delivery, error) {
	found, err := q.db.Pool.Query(ctx, `SELECT body FROM deliveries WHERE stream = $1 ORDER BY requested_at, id`, stream.String())
	if err != nil {
		return nil, fmt.Errorf("list deliveries of %s: %w", stream, err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (d workflow.Delivery, err error) {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return d, err
		}
		return d, cut.DecodeJSON("a delivery of "+stream.String(), body, &d)
	})
}
