package traces

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
)

// Queries reads trace contexts. It is safe for concurrent use.
type Queries struct{ pool *pgxpool.Pool }

// New makes a Queries.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Commits are the traceparents of those of the commits that have one.
func (q *Queries) Commits(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	return projections.TracesOf(ctx, q.pool, ids)
}

// Intent is the traceparent of the commit that asked for an effect, empty where
// that has none.
func (q *Queries) Intent(ctx context.Context, kind workflow.IntentKind, id uuid.UUID) (string, error) {
	var parent string
	err := q.pool.QueryRow(ctx, `SELECT traceparent FROM traces WHERE kind = $1 AND id = $2`, string(kind), id).Scan(&parent)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("read the trace of %s %s: %w", kind, id, err)
	}
	return parent, nil
}
