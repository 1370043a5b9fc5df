package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMainJob asks a question as a person does and looks at everything that can
// be seen of it afterwards; then the read models are emptied and dropped, and
// everything is as before.
func TestMainJob(t *testing.T) {
	t.Parallel()
	d := newDev(t, 0)
	d.start()
	const goal = "what changed in the last 10 commits?"
	asked := d.ask(goal)
	if code := asked.await(t, 30*time.Second); code != 0 {
		t.Fatalf("ask: exit code %d\n%s%s", code, asked.out.String(), asked.err.String())
	}
	for text, times := range map[string]int{"Two commits by one person": 1, "✓ delivered": 1, "accepted · developer/v1": 1, "git log -n 10 --stat": 1} {
		if n := strings.Count(asked.out.String(), text); n != times {
			t.Errorf("the thread says %q %d times, want %d:\n%s", text, n, times, asked.out.String())
		}
	}
	w := d.only(goal)
	if w.Status != "finished" {
		t.Errorf("the workflow is %s", w.Status)
	}
	d.whatHappened(w)
	d.theLog(w)
	d.theReadModels()
	d.secondMessage(t)
	d.rebuilt(t)
}

// whatHappened looks at the timeline.
func (d *dev) whatHappened(w workflowView) {
	d.tb.Helper()
	l := d.timeline(w.UUID.String())
	for _, name := range []string{"created", "run_requested", "run_attempted", "run_started", "workload_finished", "delivery_requested", "delivery_attempted", "delivered"} {
		if n := l.count(name); n != 1 {
			d.tb.Errorf("the timeline has %d times %s: %s", n, name, l.types())
		}
	}
	if n := d.agent.starts(d.tb, w.Goal); n != 1 {
		d.tb.Errorf("the agent was started %d times", n)
	}
}

// theLog looks at what the tools of the log say.
func (d *dev) theLog(w workflowView) {
	d.tb.Helper()
	type row struct {
		Stream, What, Verdict string
		Events                []string
	}
	var commits int
	for _, r := range decodeLines[row](d.tb, d.must("journal", "tail", "-n", "100", "--json")) {
		if r.What != "commit" {
			continue
		}
		if r.Verdict != "accepted" {
			d.tb.Errorf("a commit of %s is %s", r.Stream, r.Verdict)
		}
		if strings.HasSuffix(r.Stream, w.UUID.String()) {
			commits++
		}
	}
	if want := 10; commits < want {
		d.tb.Errorf("journal tail shows %d commits of the workflow, want %d or more", commits, want)
	}
	verified := decode[struct {
		Accepted, Streams int
		Ignored           map[string]int
	}](d.tb, d.must("journal", "verify", "--json"))
	if verified.Streams != 2 || len(verified.Ignored) != 0 || verified.Accepted <= commits {
		d.tb.Errorf("journal verify: %+v; want 2 streams, more than %d commits, nothing ignored", verified, commits)
	}
}

// partition is a row of projection status.
type partition struct {
	Partition int32
	Next, End int64
	Lag       int64
	Owner     string
}

func (d *dev) theReadModels() {
	d.tb.Helper()
	eventually(d.tb, 15*time.Second, func() error {
		for _, p := range decode[[]partition](d.tb, d.must("projection", "status", "--json")) {
			if p.Lag != 0 || p.Owner == "" || p.Next == 0 {
				return fmt.Errorf("projection status: %+v", p)
			}
		}
		return nil
	})
	d.clean()
}

// clean says that the read models are those of the log, that nothing is owed and
// that no stream has stopped.
func (d *dev) clean() {
	d.tb.Helper()
	url := d.connection().Database
	if n := query[int](d.tb, url, "SELECT count(*) FROM intents"); n != 0 {
		d.tb.Errorf("%d intents are left", n)
	}
	if n := query[int](d.tb, url, "SELECT count(*) FROM stopped"); n != 0 {
		d.tb.Errorf("%d streams are stopped", n)
	}
	if differences := strings.TrimSpace(d.must("projection", "verify", "--json")); differences != "null" && differences != "[]" {
		d.tb.Errorf("projection verify: %s", differences)
	}
}

// secondMessage goes on in a thread; its answer is not that of the first.
func (d *dev) secondMessage(t *testing.T) {
	t.Helper()
	d.must("ask", "--thread", "planning", "where is package domain defined?")
	again := d.must("ask", "--thread", "planning", "who touched domain/?")
	if !strings.Contains(again, "Mia") || strings.Count(again, "✓ delivered") != 1 {
		t.Errorf("the second message of a thread is answered with:\n%s", again)
	}
}

// all is everything a user can see of the workflows.
func (d *dev) all() map[string]string {
	d.tb.Helper()
	out := map[string]string{"list": d.must("workflow", "list", "--json")}
	for _, w := range decode[[]workflowView](d.tb, out["list"]) {
		id := w.UUID.String()
		out["show "+id] = d.must("workflow", "show", id, "--json")
		out["timeline "+id] = d.must("workflow", "timeline", id, "--json")
		out["checkpoints "+id] = d.user().get(d.tb, "/workflows/"+id+"/checkpoints?per_page=100")
	}
	return out
}

// rebuilt derives the read models anew, in the ways an operator does.
func (d *dev) rebuilt(t *testing.T) {
	t.Helper()
	before := d.all()
	same := func(after string) {
		t.Helper()
		eventually(t, 20*time.Second, func() error { return answers("http://" + d.api + "/readyz") })
		if diff := cmp.Diff(before, d.all()); diff != "" {
			t.Errorf("after %s:\n%s", after, diff)
		}
		d.theReadModels()
	}
	d.must("projection", "rebuild")
	same("projection rebuild")
	url := d.connection().Database
	execute(t, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	d.must("projection", "rebuild")
	same("DROP SCHEMA and projection rebuild")
	execute(t, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	d.stop()
	d.start()
	same("DROP SCHEMA and a start")
	if n := d.agent.starts(t, "who touched domain/?"); n != 1 {
		t.Errorf("after the rebuilds the agent was started %d times for one message", n)
	}
}
