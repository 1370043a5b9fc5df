package e2e_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestStopEndsTheProcessGroup stops a run: what the program has started ends
// with it, and the thread says what happened.
func TestStopEndsTheProcessGroup(t *testing.T) {
	t.Parallel()
	d := newDev(t, time.Hour)
	d.agent.Prelude(t, `sleep 1000 & echo $! >`+d.dir+`/child`)
	d.start()
	const goal = "who touched domain/ last?"
	asked := d.ask(goal)
	asked.Said(t, "accepted")
	r := d.running()
	w := d.only(goal)
	fleettest.Eventually(t, 20*time.Second, func() error { // its agent begins with that: a stop before it is another story
		if w = d.only(goal); w.Status != "running" {
			return fmt.Errorf("the workflow is %s", w.Status)
		}
		return nil
	})
	if said := d.must("workflow", "stop", fmt.Sprint(w.ID)); !strings.Contains(said, "stop") {
		t.Errorf("workflow stop says %q", said)
	}
	asked.Await(t, 20*time.Second)
	if out := asked.Out.String(); !strings.Contains(out, "Stopped") || strings.Count(out, "✓ delivered") != 1 {
		t.Errorf("the thread of a stopped run:\n%s%s", out, asked.Err.String())
	}
	child, err := strconv.Atoi(strings.TrimSpace(fleettest.Read(t, d.dir, "child")))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{r.Program, r.Supervisor, child} {
		fleettest.Gone(t, pid)
	}
	if w = d.only(goal); w.Status != "stopped" {
		t.Errorf("the workflow is %s", w.Status)
	}
	d.once(w, 0, "run_started", "stop_requested", "workload_finished", "delivered")
}

// TestKilledServerAdoptsItsRun kills dev in the middle of a run: the program
// goes on by itself, and the next process takes it as its own.
func TestKilledServerAdoptsItsRun(t *testing.T) {
	t.Parallel()
	d := newDev(t, 300*time.Millisecond)
	d.start()
	const goal = "who touched domain/ in the last 10 commits?"
	asked := d.ask(goal)
	asked.Said(t, "accepted")
	before := d.running()
	d.proc.Kill()
	if before.Program != d.running().Program {
		t.Fatal("the program ended with the server")
	}
	d.start()
	if code := asked.Await(t, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
		t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
	}
	if after := d.runs()[0]; after.Program != before.Program || after.Supervisor != before.Supervisor {
		t.Errorf("the run was %+v, is %+v", before, after)
	}
	d.once(d.only(goal), 0, "run_started", "workload_finished", "delivered")
}

// TestLostRun kills everything: the next process finds the run gone and says so.
func TestLostRun(t *testing.T) {
	t.Parallel()
	d := newDev(t, time.Hour)
	d.start()
	const goal = "where is domain defined?"
	asked := d.ask(goal)
	asked.Said(t, "accepted")
	r := d.running()
	d.awaits(goal, "run_started") // the program runs a moment before
	d.proc.Kill()
	for _, group := range []int{r.Supervisor, r.Program} {
		if err := syscall.Kill(-group, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		fleettest.Gone(t, group)
	}
	d.start()
	asked.Await(t, 40*time.Second)
	if out := asked.Out.String(); !strings.Contains(out, "vanished") || strings.Count(out, "✓ delivered") != 1 {
		t.Errorf("the thread of a lost run:\n%s%s", out, asked.Err.String())
	}
	w := d.only(goal)
	if w.Status != "failed" || w.Reason != "lost" {
		t.Errorf("the workflow is %s, because of %q", w.Status, w.Reason)
	}
	d.once(w, 0, "run_started", "workload_finished", "delivered")
}

// TestGracefulStop ends dev while a run is under way and people follow it: it
// takes no longer than people wait, and the next start carries on.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "Ctrl-C": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDev(t, 500*time.Millisecond)
			d.start()
			const goal = "what changed in the last 5 commits?"
			asked := d.ask(goal)
			asked.Said(t, "accepted")
			d.running()
			began := time.Now()
			if err := d.proc.Cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := d.proc.Await(t, 30*time.Second); code != 0 {
				t.Errorf("exit code %d\n%s", code, d.proc.Err.String())
			}
			if took := time.Since(began); took > 15*time.Second { // the grace is 20 s: it must not be used up
				t.Errorf("it took %s to end", took)
			}
			if d.proc.Err.String() != "" {
				t.Errorf("a stop in good order complains:\n%s", d.proc.Err.String())
			}
			d.start()
			if code := asked.Await(t, 40*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
				t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
			}
			d.once(d.only(goal), 0, "run_started", "workload_finished", "delivered")
			d.leavesNothing()
		})
	}
}

// leavesNothing stops for good: nobody listens any more.
func (d *dev) leavesNothing() {
	d.tb.Helper()
	d.stop()
	if err := fleettest.Answers("http://" + d.api + "/healthz"); !errors.Is(err, syscall.ECONNREFUSED) {
		d.tb.Errorf("after the stop: %v", err)
	}
}
