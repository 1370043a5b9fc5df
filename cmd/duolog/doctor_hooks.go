package main

import (
	"context"
	"fmt"
	"time"

	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/deliveries"
)

// checkHooks looks for hooks that were not told of something in the last day.
func checkHooks(ctx context.Context, p *patient) []finding {
	const told = "hooks were told everything in the last day"
	if !p.agrees {
		return []finding{notLooked(told, "there is no database of this log", "")}
	}
	lost, err := deliveries.New(cut.DB{Pool: p.db.Read}).Lost(ctx, p.app.now().Add(-24*time.Hour))
	if err != nil {
		return []finding{failed(told, err)}
	}
	if len(lost) == 0 {
		return []finding{well(told, "")}
	}
	var out []finding
	for _, l := range lost {
		out = append(out, wrong(
			fmt.Sprintf("hook %s of %s", l.Hook, l.Tenant),
			fmt.Sprintf("deliveries given up in the last day: %d; duolog delivery list --status given_up --hook %s says why", l.Count, l.Hook),
			fmt.Sprintf("put its receiver or its settings right, then duolog delivery redeliver --missing --hook %s --since 24h", l.Hook),
		))
	}
	return out
}
