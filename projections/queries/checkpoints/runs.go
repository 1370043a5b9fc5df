package checkpoints

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/cut"
)

// StreamsOfRuns are the workflows of a tenant that have checkpoints of these runs of a
// graph, as run_id of their metadata names them.
func (q *Queries) StreamsOfRuns(ctx context.Context, tenant domain.Tenant, runs []string) (out []domain.StreamID, err error) {
	ids := make([][]byte, len(runs))
	for i, run := range runs {
		ids[i] = []byte(run)
	}
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		found, err := tx.Query(ctx, `SELECT w.stream FROM (SELECT DISTINCT stream FROM checkpoints WHERE run_id = ANY($1)) c
			CROSS JOIN LATERAL (SELECT stream FROM workflows WHERE short_key = c.stream AND tenant = $2 OFFSET 0) w ORDER BY w.stream`, ids, string(tenant))
		if err != nil {
			return err
		}
		keys, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, key := range keys {
			id, err := domain.ParseStreamID(key)
			if err != nil {
				return err
			}
			out = append(out, id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the checkpoints of %d runs: %w", len(runs), err)
	}
	return out, nil
}
