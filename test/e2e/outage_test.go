package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/embedded"
)

// outage is how long a part is away.
const outage = 10 * time.Second

// TestOutages takes the database and the broker away in the middle of a run: it
// goes on when they are back, and the answer comes once.
func TestOutages(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]struct{ away, back func(*testing.T, *fleet) }{
		"Postgres": {
			func(t *testing.T, f *fleet) { t.Helper(); ok(t, f.postgres.Stop(t.Context(), embedded.Fast)) },
			func(t *testing.T, f *fleet) { t.Helper(); ok(t, f.postgres.Start(t.Context())) },
		},
		"Postgres killed": {
			func(t *testing.T, f *fleet) { t.Helper(); ok(t, f.postgres.Stop(t.Context(), embedded.Immediate)) },
			func(t *testing.T, f *fleet) { t.Helper(); ok(t, f.postgres.Start(t.Context())) },
		},
		"Kafka": {
			func(t *testing.T, f *fleet) { t.Helper(); ok(t, f.broker.Close()) },
			func(t *testing.T, f *fleet) { t.Helper(); f.startBroker() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 300*time.Millisecond)
			n := f.node("a", "")
			n.start()
			goal := "what changed while it was away?"
			asked := f.ask(n.base, goal)
			asked.said(t, "accepted")
			id := n.of(goal).UUID.String()
			n.awaits(id, "checkpointed")
			part.away(t, f)
			pass(t, n.proc, outage)
			part.back(t, f)
			if code := asked.await(t, 40*time.Second); code != 0 || strings.Count(asked.out.String(), "✓ delivered") != 1 {
				t.Fatalf("ask: exit code %d\n%s%s\n%s", code, asked.out.String(), asked.err.String(), n.proc.err.String())
			}
			l := n.timeline(id)
			for _, name := range []string{"created", "run_started", "workload_finished", "delivered"} {
				if c := l.count(name); c != 1 {
					t.Errorf("%s happened %d times: %s", name, c, l.types())
				}
			}
			if c := f.agent.starts(t, goal); c != 1 {
				t.Errorf("the agent was started %d times", c)
			}
			f.clean()
		})
	}
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// pass lets time pass, which the process must survive.
func pass(tb testing.TB, p *process, d time.Duration) {
	tb.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ended:
		tb.Fatalf("it ended: %s", p.err.String())
	}
}

// of is the one workflow with a goal.
func (n *node) of(goal string) workflowView {
	n.fleet.tb.Helper()
	list := decode[[]workflowView](n.fleet.tb, n.fleet.user(n.base).get(n.fleet.tb, "/workflows?per_page=100"))
	var found []workflowView
	for _, w := range list {
		if w.Goal == goal {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		n.fleet.tb.Fatalf("%d workflows have the goal %q, want 1", len(found), goal)
	}
	return found[0]
}

func (n *node) timeline(id string) timeline {
	n.fleet.tb.Helper()
	return timelineOf(n.fleet.tb, n.fleet.user(n.base), id)
}

func timelineOf(tb testing.TB, u *user, id string) timeline {
	tb.Helper()
	var all timeline
	for after := ""; ; {
		page := decode[struct {
			Events timeline
			Next   string
		}](tb, u.get(tb, "/workflows/"+id+"/timeline?limit=200&after="+after))
		if len(page.Events) == 0 {
			return all
		}
		all, after = append(all, page.Events...), page.Next
	}
}

// awaits waits for an event of a workflow.
func (n *node) awaits(id, event string) {
	n.fleet.tb.Helper()
	eventually(n.fleet.tb, 20*time.Second, func() error {
		if l := n.timeline(id); l.count(event) == 0 {
			return errors.New(fmt.Sprint("no ", event, " in ", l.types()))
		}
		return nil
	})
}
