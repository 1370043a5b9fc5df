//go:build crash

package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/duolog/duolog/test/crash/history"
)

// plant is a known bug, what brings it to light, and the checks that may be the
// ones to see it. Any other violation does not count: it would not prove that
// the bug was seen.
type plant struct {
	bug     string
	provoke func(w *world, ctx context.Context, rng *rand.Rand)
	checks  []string
}

// plants are all planted bugs (domain/planted).
func plants() []plant {
	return []plant{
		{"ack_before_append", (*world).writeAndKill, []string{"linearizable", "nothing lost"}},
		{"accepted_before_inbox", (*world).killAccepting, []string{"nothing lost"}},
		{"offset_swapped_last", func(w *world, ctx context.Context, rng *rand.Rand) {
			w.pauseInTransaction(ctx, w.nodes[0], rng)
			w.pauseInTransaction(ctx, w.nodes[1], rng)
		}, []string{"no node complains", "no stopped stream"}},
		{"offset_outside_transaction", func(w *world, ctx context.Context, rng *rand.Rand) {
			w.stopPostgresInTransaction(ctx, w.nodes[0], rng)
		}, []string{"everything accepted is visible", "the read models are those of the log"}},
		{"no_parent_check", (*world).justWrite, []string{"linearizable", "nothing from nowhere", "the read models are those of the log"}},
		{"facts_not_updated_in_batch", (*world).justWrite, []string{"events follow from those before", "linearizable"}},
		{"no_command_dedupe", (*world).justWrite, []string{"nothing twice", "no unexpected answer", "linearizable"}},
		{"blob_after_commit", (*world).writeLarge, []string{"only overtaken commits are ignored"}},
		{"attempt_after_call", func(w *world, ctx context.Context, rng *rand.Rand) {
			w.crash(ctx, w.nodes[0], "effects.after_call", rng)
			pass(ctx, lease+4*time.Second) // others start what it had started
			w.nodes[0].start()
		}, []string{"each run is started once"}},
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

func (w *world) killAccepting(ctx context.Context, rng *rand.Rand) {
	w.later.Store(true)
	for range 3 {
		pass(ctx, 2*time.Second)
		w.killAll(ctx, nil, rng)
		w.healthy()
	}
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
	w := newWorld(t, seed, p.bug)
	w.settle = 20 * time.Second
	stop := w.load(clients)
	pass(t.Context(), time.Second)
	p.provoke(w, t.Context(), w.source(p.bug))
	w.healthy()
	stop()
	w.check()
	return w.caught(p)
}

// caught says whether the bug was seen by one of its checks.
func (w *world) caught(p plant) bool {
	w.t.Helper()
	found := w.violations()
	i := slices.IndexFunc(found, func(v history.Violation) bool { return slices.Contains(p.checks, v.Check) })
	if i >= 0 {
		w.t.Logf("seen by %q: %.300s", found[i].Check, found[i].What)
		return true
	}
	w.t.Logf("%s was not seen: operations %d, found %v, logs in %s", p.bug, w.log.Len(), found, w.keep())
	return false
}
