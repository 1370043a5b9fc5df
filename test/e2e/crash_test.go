package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// crashes are the named points of the code, and at which of their hits in one
// job the process is killed.
var crashes = map[string][]int{
	"dispatch.before_append":   {1, 2, 3, 5, 9, 12},
	"dispatch.after_append":    {1, 2, 3, 5, 9, 12},
	"dispatch.before_answer":   {2, 9},
	"projector.before_commit":  {1, 2, 3, 5, 9, 12},
	"projector.after_commit":   {1, 2, 3, 5, 9, 12},
	"inbox.before_verdict":     {1},
	"inbox.before_acknowledge": {1},
	"saga.before_reaction":     {1, 2},
	"saga.before_acknowledge":  {1, 2},
	"relay.before_publish":     {1, 2, 3, 5, 9},
	"relay.after_publish":      {1, 2, 3, 5, 9},
	"effects.before_attempt":   {1, 2},
	"effects.after_attempt":    {1, 2},
	"effects.after_call":       {1, 2},
	"effects.after_outcome":    {1, 2},
}

// stops are the points of a stop.
var stops = []string{"effects.before_attempt", "effects.after_attempt", "effects.after_call"}

// elsewhere are the points that no job comes by, or at which who asks cannot
// know whether to ask again. The crash harness (test/crash) kills at every
// point there is.
var elsewhere = []string{
	"dispatch.after_ahead", "inbox.before_publish", "inbox.after_publish", "inbox.after_answer", "inbox.after_refused", "lease.before_take", "lease.after_take",
	"trigger.before_project", "trigger.after_project", "trigger.after_membership", "gitlab.before_create", "gitlab.after_create", "gitlab.after_clean",
}

// TestCrashTableIsComplete finds the points in the code.
func TestCrashTableIsComplete(t *testing.T) {
	t.Parallel()
	found := fleettest.Points(t, filepath.Join("..", ".."))
	for _, point := range found {
		if len(crashes[point]) == 0 && !slices.Contains(elsewhere, point) {
			t.Errorf("no crash is tested at %s", point)
		}
	}
	for _, point := range slices.Concat(slices.Collect(maps.Keys(crashes)), elsewhere) {
		if !slices.Contains(found, point) {
			t.Errorf("the code has no point %s", point)
		}
	}
}

// TestCrash kills the process at each point of a job, and once more at any
// moment of the next start: the answer comes, once.
func TestCrash(t *testing.T) {
	t.Parallel()
	for point, hits := range crashes {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			d := newDev(t, 50*time.Millisecond)
			d.start()
			d.stop()
			for _, n := range hits[:few(len(hits))] {
				d.crashedJob(t, fmt.Sprintf("%s:%d", point, n))
			}
		})
	}
}

// few is how many rows of a list are tested when time is short.
func few(n int) int {
	if testing.Short() {
		return 1
	}
	return n
}

func (d *dev) crashedJob(t *testing.T, at string) {
	t.Helper()
	t.Run(at, func(t *testing.T) {
		d := d.in(t)
		claims := len(d.runs())
		goal := "what changed at " + at + "?"
		d.launch(fleettest.Crashtest(t), "DUOLOG_CRASH_AT="+at)
		d.readyOrCrashed()
		asked := d.ask(goal)
		d.crashed(asked)
		d.startTwice()
		if strings.Contains(asked.Err.String(), "nothing answers") {
			asked = d.ask(goal) // it crashed before the question came
		}
		if code := asked.Await(t, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
			t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
		}
		w := d.only(goal)
		if w.Status != "finished" {
			t.Errorf("the workflow is %s", w.Status)
		}
		d.once(w, claims, "created", "run_requested", "run_started", "workload_finished", "delivery_requested", "delivered")
		d.proc.Kill()
	})
}

// in is the dev for a subtest.
func (d *dev) in(t *testing.T) *dev {
	t.Helper()
	sub := *d
	sub.tb = t
	return &sub
}

// crashed waits until the process has killed itself while somebody waited. It
// may have done so early: what the process before it left to do took it there.
func (d *dev) crashed(waiting *fleettest.Process) {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 20*time.Second, func() error {
		switch {
		case !d.proc.Alive() && d.proc.Killed():
			return nil
		case !d.proc.Alive():
			return fleettest.FinalError{Err: errors.New("dev ended by itself: " + d.proc.Err.String())}
		case strings.Contains(waiting.Out.String(), "✓ delivered"):
			return fleettest.FinalError{Err: errors.New("the point was not reached\n" + waiting.Out.String())}
		}
		return errors.New("the point was not reached\n" + waiting.Out.String() + waiting.Err.String())
	})
}

// readyOrCrashed waits until the process serves, or has killed itself before.
func (d *dev) readyOrCrashed() {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 30*time.Second, func() error {
		if !d.proc.Alive() && d.proc.Killed() {
			return nil
		}
		return fleettest.Answers("http://" + d.api + "/readyz")
	})
}

// startTwice starts again, is killed at any moment, and starts for good.
func (d *dev) startTwice() {
	d.tb.Helper()
	d.launch(fleettest.Duolog(d.tb))
	moment := time.NewTimer(rand.N(900 * time.Millisecond))
	select {
	case <-moment.C:
	case <-d.proc.Ended:
		d.tb.Fatalf("dev ended: %s", d.proc.Err.String())
	}
	d.proc.Kill()
	d.start()
}

// once says that the events happened once, that one program was started, and
// that the read models are those of the log.
func (d *dev) once(w fleettest.WorkflowView, claims int, events ...string) {
	d.tb.Helper()
	d.settled()
	l := d.timeline(w.UUID.String())
	for _, name := range events {
		if n := l.Count(name); n != 1 {
			d.tb.Errorf("%s happened %d times: %s", name, n, l.Types())
		}
	}
	if n := d.agent.Starts(d.tb, w.Goal); n != 1 {
		d.tb.Errorf("the agent was started %d times", n)
	}
	if n := len(d.runs()) - claims; n != 1 {
		d.tb.Errorf("%d runs were claimed", n)
	}
	d.clean()
}

// settled waits until nothing is owed and no run is under way: an answer comes before
// the program of the agent has ended.
func (d *dev) settled() {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 15*time.Second, func() error {
		if n := fleettest.Query[int](d.tb, d.connection().Database, "SELECT (SELECT count(*) FROM intents) + (SELECT count(*) FROM workflows WHERE active)"); n != 0 {
			return fmt.Errorf("%d intents and runs are left", n)
		}
		return nil
	})
}

// TestCrashOfAStop kills the process while it stops a run.
func TestCrashOfAStop(t *testing.T) {
	t.Parallel()
	d := newDev(t, time.Hour)
	for _, point := range stops[:few(len(stops))] {
		t.Run(point, func(t *testing.T) { d.in(t).crashedStop(point) })
	}
}

func (d *dev) crashedStop(at string) {
	d.tb.Helper()
	claims := len(d.runs())
	goal := "what changed when it stopped at " + at + "?"
	d.start()
	asked := d.ask(goal)
	asked.Said(d.tb, "accepted")
	w := d.only(goal)
	r := d.running()
	fleettest.Eventually(d.tb, 10*time.Second, func() error {
		if d.timeline(w.UUID.String()).Count("run_started") == 0 {
			return errors.New("the run is not confirmed")
		}
		return nil
	})
	d.proc.Kill()
	d.launch(fleettest.Crashtest(d.tb), "DUOLOG_CRASH_AT="+at) // from here on the stop is the only effect
	d.ready()
	_ = fleettest.Launch(d.tb, d.dir, nil, fleettest.Duolog(d.tb), "workflow", "stop", fmt.Sprint(w.ID), "--state-dir", d.state)
	d.crashed(asked)
	d.startTwice()
	if code := asked.Await(d.tb, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
		d.tb.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
	}
	fleettest.Gone(d.tb, r.Program)
	if w = d.only(goal); w.Status != "stopped" {
		d.tb.Errorf("the workflow is %s", w.Status)
	}
	d.once(w, claims, "created", "run_started", "stop_requested", "workload_finished", "delivered")
	d.proc.Kill()
}
