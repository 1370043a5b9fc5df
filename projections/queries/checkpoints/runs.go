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
		found, err := tx.Query(ctx, `SELECT DISTINCT stream FROM checkpoints WHERE run_id = ANY($1) AND stream LIKE $2 ORDER BY stream`, ids, likeTenant(tenant))
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

// likeTenant is what the keys of a tenant's streams are like.
func likeTenant(tenant domain.Tenant) string {
	var out []byte
	for _, c := range []byte(tenant) {
		if c == '_' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out) + "/%"
}
