package main

import (
	"context"
	"fmt"
	"time"

	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/deliveries"
)

// hookFindings are about hooks that were not told of something in the last day.
func hookFindings(ctx context.Context, s *store, now time.Time) []finding {
	const told = "hooks were told everything in the last day"
	lost, err := deliveries.New(cut.DB{Pool: s.db.Read}).Lost(ctx, now.Add(-24*time.Hour))
	if err != nil {
		return []finding{failed(told, err)}
	}
	if len(lost) == 0 {
		return []finding{{Name: told, OK: true}}
	}
	var out []finding
	for _, l := range lost {
		out = append(out, finding{
			Name:    fmt.Sprintf("hook %s of %s", l.Hook, l.Tenant),
			Problem: fmt.Sprintf("deliveries given up in the last day: %d; duolog delivery list --status given_up --hook %s says why", l.Count, l.Hook),
			Fix:     fmt.Sprintf("put its receiver or its settings right, then duolog delivery redeliver --missing --hook %s --since 24h", l.Hook),
		})
	}
	return out
}
