package nodetest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// WaitEnds blocks until every partition is projected up to its end.
func WaitEnds(ctx context.Context, pool *pgxpool.Pool, ends map[int32]int64, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		var behind int
		partitions, nexts := make([]int32, 0, len(ends)), make([]int64, 0, len(ends))
		for p, end := range ends {
			partitions, nexts = append(partitions, p), append(nexts, end)
		}
		err := pool.QueryRow(ctx, `SELECT count(*) FROM unnest($1::int[], $2::bigint[]) AS e(partition, next)
			LEFT JOIN offsets o USING (partition) WHERE coalesce(o.next, 0) < e.next`, partitions, nexts).Scan(&behind)
		if err != nil {
			return fmt.Errorf("read offsets: %w", err)
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
