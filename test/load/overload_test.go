//go:build load

package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/openloop"
)

// TestOverload: what the node can do is measured in the same run, then five
// times as many new triggers come each second while agents write. What is done
// of both stays above 80 % of what it can do; agents are held, not refused; a
// trigger is done, or told at once to come again; and what was answered is there.
func TestOverload(t *testing.T) {
	f := fleettest.NewFleet(t, 0)
	f.Config = f.Write("overload.yaml", "tenant_bytes: 4MiB\nmax_body: 4MiB\n")
	s := serve(t, f, "GOMEMLIMIT=192MiB")
	agents := newAgents(t, s, 256, 2000)
	rest := warm(t, s, agents)
	length := form(8*time.Second, 30*time.Second)

	peak := float64(writing(t, agents, length)) / length.Seconds()

	triggers := newTriggers(t, f, s, 1500)
	written := make(chan int, 1)
	go func() { written <- writing(t, agents, length) }()
	r := openloop.Run(t.Context(), openloop.Load{
		Rate: 5 * peak, For: length, Workers: cap(triggers.free), Patience: time.Second, Do: triggers.fire,
	})
	goodput := float64(<-written+len(r.Latencies)) / length.Seconds()
	t.Logf("it can do %.0f/s; at %.0f triggers/s offered beside the agents it did %.0f/s (%.0f%%): %d triggers done, %d refused with 429, %d not sent; p99 %s; at most %s of memory",
		peak, 5*peak, goodput, 100*goodput/peak, len(r.Latencies), triggers.refused, r.Missed, r.Quantile(.99).Round(time.Millisecond), mib(s.memory("VmHWM")))
	if goodput < .8*peak {
		t.Errorf("overload leaves %.0f%% of %.0f/s", 100*goodput/peak, peak)
	}
	if r.Failed != triggers.refused {
		t.Errorf("%d triggers had neither 201 nor 429 with Retry-After, the last %v", r.Failed-triggers.refused, triggers.odd)
	}
	if triggers.refused == 0 {
		t.Error("no trigger was refused: that was no overload")
	}
	shows(t, f, answeredTo(agents))
	triggers.check(t)
	hangUp(agents)
	triggers.hangUp()
	s.settles(rest)
}

// writing lets all agents write as fast as they can and returns how often they
// did. Each of them is a loop of its own: an agent has one write under way.
func writing(t *testing.T, agents []*agent, length time.Duration) int {
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	before := len(answeredTo(agents))
	var group errgroup.Group
	for _, a := range agents {
		group.Go(func() error {
			for ctx.Err() == nil {
				if err := a.save(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Errorf("an agent's write was not done: %v", err)
	}
	return len(answeredTo(agents)) - before
}

// triggers are clients that make workflows.
type triggers struct {
	fleet *fleettest.Fleet
	free  chan *client

	mu       sync.Mutex
	answered []uuid.UUID
	refused  int
	odd      error
}

func newTriggers(t *testing.T, f *fleettest.Fleet, s server, n int) *triggers {
	t.Helper()
	g := &triggers{fleet: f, free: make(chan *client, n)}
	for range n {
		g.free <- &client{addr: s.API}
	}
	t.Cleanup(g.hangUp)
	return g
}

func (g *triggers) hangUp() {
	for range cap(g.free) {
		c := <-g.free
		c.close()
		g.free <- c
	}
}

var errRefused = errors.New("429")

// fire makes one workflow.
func (g *triggers) fire(ctx context.Context, i int) error {
	c := <-g.free
	defer func() { g.free <- c }()
	res, body, err := c.do(ctx, post(g.fleet, "/workflows", fmt.Appendf(nil, `{"goal":"trigger %d"}`, i)))
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil:
		g.odd = err
		return err
	case res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "":
		g.refused++
		return errRefused
	case res.StatusCode != http.StatusCreated:
		g.odd = refusal{res.StatusCode, string(body)}
		return g.odd
	}
	var w fleettest.WorkflowView
	if err := json.Unmarshal(body, &w); err != nil {
		g.odd = err
		return err
	}
	g.answered = append(g.answered, w.UUID)
	return nil
}

// check says that each trigger that was answered made its workflow.
func (g *triggers) check(t *testing.T) {
	t.Helper()
	streams := make([]string, len(g.answered))
	for i, id := range g.answered {
		streams[i] = "acme/workflow/" + id.String()
	}
	if n := fleettest.Query[int](t, g.fleet.Database, "SELECT count(*) FROM workflows WHERE stream = ANY($1)", streams); n != len(streams) {
		t.Errorf("%d triggers were answered, %d workflows are there", len(streams), n)
	}
}
