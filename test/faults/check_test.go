//go:build faults

package faults_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

const interrupt = syscall.SIGTERM

// verify says that every acknowledged write is there once, on every node, that
// nothing is there twice or was never asked for, and that the read models are
// those of a rebuild.
func (l *load) verify(t *testing.T) {
	t.Helper()
	writes := l.asked()
	for _, n := range l.s.nodes {
		fleettest.Eventually(t, recovery, func() error { return l.shown(t, n, writes) })
	}
	l.s.Clean()
	if r := l.s.Tool("journal", "verify"); r.Code != 0 {
		t.Errorf("journal verify: %s%s", r.Out, r.Err)
	}
}

// asked is what clients asked for.
func (l *load) asked() (writes []write) {
	l.note(func() {
		for _, w := range l.writes {
			writes = append(writes, *w)
		}
	})
	return writes
}

// shown compares what a node shows with what was asked for. Commands that were
// taken are done some time, which moves the pages under who reads them.
func (l *load) shown(t *testing.T, n *fleettest.Node, writes []write) error {
	t.Helper()
	u := l.s.User("http://" + n.API)
	goals := u.Goals(t)
	saved := map[string]map[string]int{}
	for _, w := range l.workflows {
		saved[w] = u.Checkpoints(t, w)
	}
	asked := map[string]bool{}
	for _, w := range writes {
		asked[w.id] = true
		there := goals[w.id]
		if w.kind != trigger {
			there = saved[w.workflow][w.id]
		}
		switch {
		case there > 1:
			return fmt.Errorf("%s shows %s %s %d times", n.Name, w.kind, w.id, there)
		case w.acknowledged && there == 0:
			return fmt.Errorf("%s does not show %s %s, which was acknowledged", n.Name, w.kind, w.id)
		}
	}
	for workflow, steps := range saved {
		for ts := range steps {
			if !asked[ts] {
				return fmt.Errorf("%s shows checkpoint %s of %s, which nobody asked for", n.Name, ts, workflow)
			}
		}
	}
	return nil
}
