package workflows

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/cut"
)

// RunIsOver says whether a run of a workflow has ended or was replaced by another. A
// workflow that is not there, or never had a run, has none that is over.
func (q *Queries) RunIsOver(ctx context.Context, stream domain.StreamID, run uuid.UUID) (bool, error) {
	var over bool
	err := q.db.Pool.QueryRow(ctx, `SELECT run IS NOT NULL AND (run <> $2 OR NOT active) FROM workflows WHERE stream = $1`, stream.String(), run).Scan(&over)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, cut.NotNow(fmt.Errorf("look up run %s of %s: %w", run, stream, err))
	}
	return over, nil
}
