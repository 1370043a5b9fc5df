package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestTwoNodes runs two processes over one log and one database behind
// round-robin. People ask and API clients write to shared workflows; one node is
// killed in the middle and comes back. Every answer stays true on both.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 100*time.Millisecond)
	a, b := f.Node("a", ""), f.Node("b", "")
	front := fleettest.RoundRobin(t, a.API, b.API)
	a.Base, b.Base = front, front
	a.Start()
	b.Start()
	fleettest.Eventually(t, 30*time.Second, func() error {
		if o := f.Owners(); o["a"] != 2 || o["b"] != 2 {
			return fmt.Errorf("the partitions belong to %v", o)
		}
		return nil
	})
	followed := newFollower(t, f, front)
	c := newTraffic(t, f, front, a, b)
	stop := c.begin(t, 4)
	asked := f.AskMany(front, 4)
	c.progress(t, 100)
	for _, p := range asked {
		f.Answered(t, p)
	}

	a.Proc.Kill()
	c.progress(t, 20)
	fleettest.Eventually(t, 20*time.Second, func() error {
		if o := f.Owners(); o["b"] != 4 {
			return fmt.Errorf("the partitions belong to %v", o)
		}
		return nil
	})
	f.Answered(t, f.Ask("http://"+b.API, "who touched domain/ while a was away?"))
	a.Start()
	c.progress(t, 50)
	stop()
	f.Answered(t, f.Ask(front, "who touched domain/ when a was back?"))
	c.check(t)
	followed.check(t)
	f.Clean()
}

func newTraffic(t *testing.T, f *fleettest.Fleet, front string, nodes ...*fleettest.Node) *traffic {
	t.Helper()
	c := &traffic{user: f.User(front), saved: map[string][]string{}, changes: map[string]int{}}
	for _, n := range nodes {
		c.everywhere = append(c.everywhere, f.User("http://"+n.API))
	}
	for i := range 3 {
		id, err := c.create(t.Context(), fmt.Sprintf("shared %d", i))
		fleettest.OK(t, err)
		fleettest.OK(t, c.change(t.Context(), id, "start"))
		c.workflows = append(c.workflows, id)
	}
	return c
}

// begin starts the clients; the returned function ends them.
func (c *traffic) begin(t *testing.T, clients int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	for n := range clients {
		group.Go(func() error { return c.client(ctx, n) })
	}
	return func() {
		t.Helper()
		cancel()
		fleettest.OK(t, group.Wait())
	}
}

// progress waits for so many more writes.
func (c *traffic) progress(t *testing.T, more int) {
	t.Helper()
	done := func() (n int) { c.note(func() { n = c.writes }); return n }
	goal := done() + more
	fleettest.Eventually(t, 40*time.Second, func() error {
		if n := done(); n < goal {
			return fmt.Errorf("%d of %d writes are done", n, goal)
		}
		return nil
	})
}

// check reads everything that was acknowledged through each node.
func (c *traffic) check(t *testing.T) {
	t.Helper()
	for _, id := range c.workflows {
		for _, u := range c.everywhere {
			shown := u.Checkpoints(t, id)
			for _, ts := range c.saved[id] {
				if shown[ts] != 1 {
					t.Errorf("%s shows checkpoint %s of %s %d times", u.Base, ts, id, shown[ts])
				}
			}
		}
		l := fleettest.TimelineOf(t, c.everywhere[0], id)
		if n := l.Count("checkpointed"); n != len(c.saved[id]) {
			t.Errorf("%s has %d checkpoints in its timeline, %d were acknowledged", id, n, len(c.saved[id]))
		}
		fleettest.OK(t, c.chained(id, l))
	}
	for _, u := range c.everywhere {
		goals := u.Goals(t)
		for i := range c.workflows {
			if n := goals[fmt.Sprintf("shared %d", i)]; n != 1 {
				t.Errorf("%s lists workflow %d %d times", u.Base, i, n)
			}
		}
	}
}

// chained says that each change of status begins where the one before it ended,
// and that there are no more of them than answers.
func (c *traffic) chained(id string, l fleettest.Timeline) error {
	at, changes := "created", 0
	for _, e := range l {
		if e.Type != "workflow.status_changed" {
			continue
		}
		var s struct{ From, To string }
		if err := json.Unmarshal(e.Data, &s); err != nil {
			return err
		}
		if changes++; s.From != at {
			return fmt.Errorf("%s goes from %s to %s when it is %s", id, s.From, s.To, at)
		}
		at = s.To
	}
	if changes > c.changes[id] {
		return fmt.Errorf("%s changed %d times, %d were acknowledged", id, changes, c.changes[id])
	}
	if changes < 2 {
		return errors.New(id + " hardly changed: the race was none")
	}
	return nil
}
