//go:build crash

package crash_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

const (
	// clients write at a time.
	clients = 16
	// catchUp is how long the clients may take to the number of operations that
	// is asked for, once the rounds are over.
	catchUp = 10 * time.Minute
)

// TestRounds kills nodes in rounds while clients write, and looks whether
// everything is as they were told.
func TestRounds(t *testing.T) {
	began := time.Now()
	rounds, wanted := int(setting(t, "ROUNDS", 25)), int(setting(t, "OPERATIONS", 80_000))
	w := newWorld(t, seedOf(t), "", 2*rounds)
	points := fleettest.Points(t, filepath.Join("..", ".."))
	rng := w.source("faults")
	plan := deal(rounds, points, rng.Perm(len(points)))
	stop := w.load(clients)
	for n, r := range plan {
		w.round(n+1, r, rng)
		if len(w.violations()) > 0 {
			break
		}
	}
	t.Logf("the rounds are over at %s", w.took())
	w.calm.Store(true) // nothing fails any more: what is left to find, reads find
	if err := wait(t.Context(), catchUp, func() error { return w.short(wanted) }); err != nil {
		w.violated("enough was checked", "%v", err)
	}
	stop()
	t.Logf("it is checked from %s on", w.took())
	w.check()
	r := w.report(rounds, wanted, began)
	r.write(t, points)
	t.Logf("%d operations of %d workflows checked, %d commits, faults %v", r.Checked, r.Workflows, r.Commits, r.Faults)
	w.tell()
}

// tell fails the test with what was found.
func (w *world) tell() {
	w.t.Helper()
	found := w.violations()
	for _, v := range found[:min(len(found), 20)] {
		w.t.Errorf("%s: %s", v.Check, v.What)
	}
	if len(found) > 0 {
		w.t.Errorf("%d violations; seed %d; what the nodes said is kept in %s", len(found), w.seed, w.keep())
	}
}

// keep saves what every process of every node said.
func (w *world) keep() string {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "duolog-crash-")
	fleettest.OK(w.t, err)
	for _, m := range w.nodes {
		for i, p := range m.procs {
			fleettest.Write(w.t, p.Out.String()+p.Err.String(), dir, fmt.Sprintf("%s.%03d.log", m.Name, i))
		}
	}
	return dir
}
