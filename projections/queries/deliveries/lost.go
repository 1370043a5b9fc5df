package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
)

// Lost is how much a hook was not told.
type Lost struct {
	Tenant domain.Tenant
	Hook   string
	Count  int
}

// Lost lists the hooks, of all tenants, that deliveries were given up for since
// a time; hints do not count.
func (q *Queries) Lost(ctx context.Context, since time.Time) ([]Lost, error) {
	found, err := q.db.Pool.Query(ctx, `SELECT tenant, hook, count(*) FROM deliveries
		WHERE status = 'given_up' AND hook <> '' AND event <> 'flow.progress' AND requested_at >= $1 GROUP BY tenant, hook ORDER BY tenant, hook LIMIT 100`, since)
	if err != nil {
		return nil, fmt.Errorf("list what hooks were not told: %w", err)
	}
	out, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (l Lost, err error) {
		return l, row.Scan((*string)(&l.Tenant), &l.Hook, &l.Count)
	})
	if err != nil {
		return nil, fmt.Errorf("list what hooks were not told: %w", err)
	}
	return out, nil
}
