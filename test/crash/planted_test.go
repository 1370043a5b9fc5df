//go:build crash

package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	gitlabfault "github.com/duolog/duolog/internal/fakegitlab/fault"
	"github.com/duolog/duolog/test/crash/history"
)

// plant is a known bug, what brings it to light, and the checks that may be the
// ones to see it. Any other violation does not count: it would not prove that
// the bug was seen.
type plant struct {
	bug     string
	provoke func(w *world, ctx context.Context, rng *rand.Rand)
	checks  []string
	// idle says that nobody writes meanwhile: what provokes it is all there is to see.
	idle bool
}

// plants are all planted bugs (domain/planted).
func plants() []plant {
	return []plant{
		{bug: "ack_before_append", provoke: (*world).writeAndKill, checks: []string{"linearizable", "nothing lost"}},
		{bug: "accepted_before_inbox", provoke: (*world).killAccepting, checks: []string{"nothing lost", "every question is answered"}},
		{bug: "offset_swapped_last", provoke: func(w *world, ctx context.Context, rng *rand.Rand) {
			w.pauseInTransaction(ctx, w.nodes[0], rng)
			w.pauseInTransaction(ctx, w.nodes[1], rng)
		}, checks: []string{"no node complains", "no stopped stream"}},
		{bug: "offset_outside_transaction", provoke: func(w *world, ctx context.Context, rng *rand.Rand) {
			w.stopPostgresInTransaction(ctx, w.nodes[0], rng)
		}, checks: []string{"everything accepted is visible", "the read models are those of the log"}},
		{bug: "no_parent_check", provoke: (*world).justWrite, checks: []string{"linearizable", "nothing from nowhere", "the read models are those of the log"}},
		{bug: "facts_not_updated_in_batch", provoke: (*world).justWrite, checks: []string{"events follow from those before", "linearizable"}},
		{bug: "no_command_dedupe", provoke: (*world).justWrite, checks: []string{"nothing twice", "no unexpected answer", "linearizable"}},
		{bug: "blob_after_commit", provoke: (*world).writeLarge, checks: []string{"only overtaken commits are ignored"}},
		{bug: "attempt_after_call", provoke: (*world).killStarted, checks: []string{"each run is started once"}, idle: true},
		{bug: "start_not_looked_up", provoke: (*world).loseStarts, checks: []string{"one pipeline for each run"}, idle: true},
		{bug: "project_not_looked_up", provoke: (*world).makeTogether, checks: []string{"one workspace project for each group"}, idle: true},
	}
}

// justWrite lets the clients collide.
func (w *world) justWrite(ctx context.Context, _ *rand.Rand) {
	goal := w.log.Len() + 1000
	_ = wait(ctx, time.Minute, func() error { return w.short(goal) })
}

func (w *world) writeAndKill(ctx context.Context, rng *rand.Rand) {
	w.justWrite(ctx, rng)
	w.killAll(ctx, nil, rng)
}

// killAccepting kills all nodes as soon as some of them have accepted what people ask.
func (w *world) killAccepting(ctx context.Context, _ *rand.Rand) {
	w.later.Store(true)
	var asked sync.WaitGroup
	for range 2 * len(w.nodes) {
		asked.Go(func() { w.people.ask(ctx) })
	}
	asked.Wait()
	for _, m := range w.nodes {
		w.killed(m, "kill -9 of all nodes at once")
	}
	for _, m := range w.nodes {
		m.start()
	}
}

// killStarted kills a node that has started a run, so that others start it before it has
// ended: nobody else asks for anything, and no call of another kind comes before it.
func (w *world) killStarted(ctx context.Context, _ *rand.Rand) {
	w.fleet.Agent.Pause(w.t, "sleep 8")
	w.crash(ctx, w.nodes[0], "effects.after_call", 1)
	w.ownsNothing(ctx, w.nodes[0])
	pass(ctx, 2*time.Second)
	w.nodes[0].start()
}

// loseStarts takes the answers to starts away that GitLab has carried out, and lets no
// run end before somebody has looked what became of its start.
func (w *world) loseStarts(ctx context.Context, _ *rand.Rand) {
	w.forge.Fails(w.t, gitlabfault.Rule{Runner: gitlabfault.NoRunner})
	w.forge.Fails(w.t, gitlabfault.Rule{Kind: gitlabfault.TimeoutAfterSuccess, Method: http.MethodPost, Path: "*/repository/commits", Times: 2})
	w.forge.busy(ctx)
	pass(ctx, 5*time.Second)
	w.forge.recover()
}

// makeTogether lets two nodes make the project of a group, of which each has seen that
// it is not there.
func (w *world) makeTogether(ctx context.Context, _ *rand.Rand) {
	w.forge.Fails(w.t, gitlabfault.Rule{Kind: gitlabfault.Slow, Method: http.MethodPost, Path: "*/projects", DelayMS: 2000, Times: 2})
	var both sync.WaitGroup
	for _, m := range w.nodes[:2] {
		both.Go(func() { w.forge.start(ctx, "http://"+m.API) })
	}
	both.Wait()
}

func (w *world) writeLarge(ctx context.Context, rng *rand.Rand) {
	w.large.Store(true)
	w.justWrite(ctx, rng)
}

// tries is how often a bug may go unprovoked: a fault that comes at the wrong
// moment provokes nothing, and shows nothing about the checks.
const tries = 3

// TestPlanted runs the harness on binaries with one known bug each: what it does
// not see there, it would not see in the product.
func TestPlanted(t *testing.T) {
	seed := seedOf(t)
	for _, p := range plants() {
		t.Run(p.bug, func(t *testing.T) {
			t.Parallel()
			seen := false
			for n := range uint64(tries) {
				if seen {
					break
				}
				t.Run(fmt.Sprintf("seed %d", seed+n), func(t *testing.T) { seen = plantedRun(t, seed+n, p) })
			}
			if !seen {
				t.Errorf("a binary with the bug %s passes the checks %q %d times: a check is missing", p.bug, p.checks, tries)
			}
		})
	}
}

func plantedRun(t *testing.T, seed uint64, p plant) (seen bool) {
	t.Helper()
	w := newWorld(t, seed, p.bug, 2)
	w.settle = 20 * time.Second
	w.enough = func() bool { return w.seen(p) >= 0 }
	stop := func() {}
	if !p.idle {
		stop = w.load(clients)
		pass(t.Context(), time.Second)
	}
	p.provoke(w, t.Context(), w.source(p.bug))
	w.healthy()
	stop()
	w.check()
	return w.caught(p)
}

// seen is the first violation that is one of the bug's checks, -1 for none.
func (w *world) seen(p plant) int {
	return slices.IndexFunc(w.violations(), func(v history.Violation) bool { return slices.Contains(p.checks, v.Check) })
}

// caught says whether the bug was seen by one of its checks.
func (w *world) caught(p plant) bool {
	w.t.Helper()
	found := w.violations()
	if i := w.seen(p); i >= 0 {
		w.t.Logf("seen by %q: %.300s", found[i].Check, found[i].What)
		return true
	}
	w.t.Logf("%s was not seen: operations %d, found %v, logs in %s", p.bug, w.log.Len(), found, w.keep())
	return false
}
