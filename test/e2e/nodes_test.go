package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestTwoNodes runs two processes over one log and one database behind
// round-robin. People ask and API clients write to shared workflows; one node is
// killed in the middle and comes back. Every answer stays true on both.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 100*time.Millisecond)
	a, b := f.node("a", ""), f.node("b", "")
	front := roundRobin(t, a.api, b.api)
	a.base, b.base = front, front
	a.start()
	b.start()
	eventually(t, 30*time.Second, func() error {
		if o := f.owners(); o["a"] != 2 || o["b"] != 2 {
			return fmt.Errorf("the partitions belong to %v", o)
		}
		return nil
	})
	c := newTraffic(t, f, front, a, b)
	stop := c.begin(t, 4)
	asked := f.askMany(front, 4)
	c.progress(t, 100)
	for _, p := range asked {
		f.answered(t, p)
	}

	a.proc.kill()
	c.progress(t, 20)
	eventually(t, 20*time.Second, func() error {
		if o := f.owners(); o["b"] != 4 {
			return fmt.Errorf("the partitions belong to %v", o)
		}
		return nil
	})
	f.answered(t, f.ask("http://"+b.api, "who touched domain/ while a was away?"))
	a.start()
	c.progress(t, 50)
	stop()
	f.answered(t, f.ask(front, "who touched domain/ when a was back?"))
	c.check(t)
	f.clean()
}

func newTraffic(t *testing.T, f *fleet, front string, nodes ...*node) *traffic {
	t.Helper()
	c := &traffic{user: f.user(front), saved: map[string][]string{}, changes: map[string]int{}}
	for _, n := range nodes {
		c.everywhere = append(c.everywhere, f.user("http://"+n.api))
	}
	for i := range 3 {
		id, err := c.create(t.Context(), fmt.Sprintf("shared %d", i))
		ok(t, err)
		ok(t, c.change(t.Context(), id, "start"))
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
		ok(t, group.Wait())
	}
}

// progress waits for so many more writes.
func (c *traffic) progress(t *testing.T, more int) {
	t.Helper()
	done := func() (n int) { c.note(func() { n = c.writes }); return n }
	goal := done() + more
	eventually(t, 40*time.Second, func() error {
		if n := done(); n < goal {
			return fmt.Errorf("%d of %d writes are done", n, goal)
		}
		return nil
	})
}

// askMany asks at once.
func (f *fleet) askMany(base string, n int) []*process {
	f.tb.Helper()
	var out []*process
	for i := range n {
		out = append(out, f.ask(base, fmt.Sprintf("what changed, asked by %d?", i)))
	}
	return out
}

func (f *fleet) answered(t *testing.T, p *process) {
	t.Helper()
	if code := p.await(t, 60*time.Second); code != 0 || strings.Count(p.out.String(), "✓ delivered") != 1 {
		t.Errorf("ask: exit code %d\n%s%s", code, p.out.String(), p.err.String())
	}
	goal := p.cmd.Args[len(p.cmd.Args)-1]
	if n := f.agent.starts(t, goal); n != 1 {
		t.Errorf("the agent was started %d times for %q", n, goal)
	}
}

// check reads everything that was acknowledged through each node.
func (c *traffic) check(t *testing.T) {
	t.Helper()
	for _, id := range c.workflows {
		for _, u := range c.everywhere {
			shown := u.checkpoints(t, id)
			for _, ts := range c.saved[id] {
				if shown[ts] != 1 {
					t.Errorf("%s shows checkpoint %s of %s %d times", u.base, ts, id, shown[ts])
				}
			}
		}
		l := timelineOf(t, c.everywhere[0], id)
		if n := l.count("checkpointed"); n != len(c.saved[id]) {
			t.Errorf("%s has %d checkpoints in its timeline, %d were acknowledged", id, n, len(c.saved[id]))
		}
		ok(t, c.chained(id, l))
	}
	for _, u := range c.everywhere {
		goals := u.goals(t)
		for i := range c.workflows {
			if n := goals[fmt.Sprintf("shared %d", i)]; n != 1 {
				t.Errorf("%s lists workflow %d %d times", u.base, i, n)
			}
		}
	}
}

// goals counts the workflows by their goal.
func (u *user) goals(t *testing.T) map[string]int {
	t.Helper()
	goals := map[string]int{}
	for page := 1; ; page++ {
		list := decode[[]workflowView](t, u.get(t, fmt.Sprintf("/workflows?per_page=100&page=%d", page)))
		for _, w := range list {
			goals[w.Goal]++
		}
		if len(list) == 0 {
			return goals
		}
	}
}

// chained says that each change of status begins where the one before it ended,
// and that there are no more of them than answers.
func (c *traffic) chained(id string, l timeline) error {
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

// checkpoints counts all checkpoints of a workflow by thread_ts.
func (u *user) checkpoints(t *testing.T, id string) map[string]int {
	t.Helper()
	shown := map[string]int{}
	for page := 1; ; page++ {
		rows := decode[[]struct {
			ThreadTS string `json:"thread_ts"`
		}](t, u.get(t, fmt.Sprintf("/workflows/%s/checkpoints?per_page=100&page=%d", id, page)))
		for _, r := range rows {
			shown[r.ThreadTS]++
		}
		if len(rows) == 0 {
			return shown
		}
	}
}
