package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/fleettest"
)

// outage is how long a part is away.
const outage = 10 * time.Second

// TestOutages takes the database and the broker away in the middle of a run: it
// goes on when they are back, and the answer comes once.
func TestOutages(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]struct {
		away, back func(*testing.T, *fleettest.Fleet)
	}{
		"Postgres": {
			func(t *testing.T, f *fleettest.Fleet) {
				t.Helper()
				fleettest.OK(t, f.Postgres.Stop(t.Context(), embedded.Fast))
			},
			func(t *testing.T, f *fleettest.Fleet) { t.Helper(); fleettest.OK(t, f.Postgres.Start(t.Context())) },
		},
		"Postgres killed": {
			func(t *testing.T, f *fleettest.Fleet) {
				t.Helper()
				fleettest.OK(t, f.Postgres.Stop(t.Context(), embedded.Immediate))
			},
			func(t *testing.T, f *fleettest.Fleet) { t.Helper(); fleettest.OK(t, f.Postgres.Start(t.Context())) },
		},
		"Kafka": {
			func(t *testing.T, f *fleettest.Fleet) { t.Helper(); fleettest.OK(t, f.Broker.Close()) },
			func(t *testing.T, f *fleettest.Fleet) { t.Helper(); f.StartBroker() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fleettest.NewFleet(t, 300*time.Millisecond)
			n := f.Node("a", "")
			n.Start()
			goal := "what changed while it was away?"
			asked := f.Ask(n.Base, goal)
			asked.Said(t, "accepted")
			id := n.Of(goal).UUID.String()
			n.Awaits(id, "checkpointed")
			part.away(t, f)
			fleettest.Pass(t, n.Proc, outage)
			part.back(t, f)
			if code := asked.Await(t, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
				t.Fatalf("ask: exit code %d\n%s%s\n%s", code, asked.Out.String(), asked.Err.String(), n.Proc.Err.String())
			}
			n.Awaits(id, "workload_finished")
			l := n.Timeline(id)
			for _, name := range []string{"created", "run_started", "workload_finished", "delivered"} {
				if c := l.Count(name); c != 1 {
					t.Errorf("%s happened %d times: %s", name, c, l.Types())
				}
			}
			if c := f.Agent.Starts(t, goal); c != 1 {
				t.Errorf("the agent was started %d times", c)
			}
			f.Clean()
		})
	}
}
