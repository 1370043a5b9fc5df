// Package expiry finds the threads that were kept long enough. Commands decide; what is
// found here may be a little old.
package expiry

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
)

// Queries finds threads. It is safe for concurrent use.
type Queries struct{ pool *pgxpool.Pool }

// New makes a Queries.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Due are threads of a partition whose last write is older than they are kept, those
// first that waited longest, at most limit. Tenants says for how long theirs are kept
// that say nothing themselves; one that is not there keeps them for ever.
func (q *Queries) Due(ctx context.Context, partition int32, now time.Time, tenants map[domain.Tenant]time.Duration, limit int) ([]domain.StreamID, error) {
	names, ttls := make([]string, 0, len(tenants)), make([]float64, 0, len(tenants))
	for name, ttl := range tenants {
		names, ttls = append(names, string(name)), append(ttls, ttl.Seconds())
	}
	found, err := q.pool.Query(ctx, `SELECT w.stream FROM workflows w JOIN heads h USING (stream)
		LEFT JOIN unnest($3::text[], $4::float8[]) AS t(tenant, ttl) ON t.tenant = w.tenant
		WHERE w.expires AND (w.ttl > 0 OR w.ttl IS NULL AND w.tenant = ANY($3)) AND h.partition = $1
			AND h.time < $2::timestamptz - make_interval(secs => coalesce(w.ttl, t.ttl)) ORDER BY h.time LIMIT $5`,
		partition, now, names, ttls, limit)
	if err != nil {
		return nil, fmt.Errorf("find threads that expire: %w", err)
	}
	keys, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find threads that expire: %w", err)
	}
	out := make([]domain.StreamID, len(keys))
	for i, key := range keys {
		if out[i], err = domain.ParseStreamID(key); err != nil {
			return nil, err
		}
	}
	return out, nil
}
