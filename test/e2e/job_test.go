package e2e_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestMainJob asks a question as a person does and looks at everything that can
// be seen of it afterwards; then the read models are emptied and dropped, and
// everything is as before.
func TestMainJob(t *testing.T) {
	t.Parallel()
	d := newDev(t, 0)
	d.start()
	const goal = "what changed in the last 10 commits?"
	followed := fleettest.Launch(t, d.dir, nil, fleettest.Duolog(t), "journal", "tail", "--follow", "--json", "--state-dir", d.state)
	followed.Said(t, "genesis")
	asked := d.ask(goal)
	if code := asked.Await(t, 30*time.Second); code != 0 {
		t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
	}
	for text, times := range map[string]int{"Two commits by one person": 1, "✓ delivered": 1, "accepted · developer/v1": 1, "git log -n 10 --stat": 1} {
		if n := strings.Count(asked.Out.String(), text); n != times {
			t.Errorf("the thread says %q %d times, want %d:\n%s", text, n, times, asked.Out.String())
		}
	}
	w := d.only(goal)
	if w.Status != "finished" {
		t.Errorf("the workflow is %s", w.Status)
	}
	d.whatHappened(w)
	d.theLog(w)
	d.theTail(w, followed)
	d.theReadModels()
	d.theMetrics()
	d.secondMessage(t)
	d.rebuilt(t)
}

// whatHappened looks at the timeline.
func (d *dev) whatHappened(w fleettest.WorkflowView) {
	d.tb.Helper()
	d.settled()
	l := d.timeline(w.UUID.String())
	for _, name := range []string{"created", "run_requested", "run_attempted", "run_started", "workload_finished", "delivery_requested", "delivery_attempted", "delivered"} {
		if n := l.Count(name); n != 1 {
			d.tb.Errorf("the timeline has %d times %s: %s", n, name, l.Types())
		}
	}
	if n := d.agent.Starts(d.tb, w.Goal); n != 1 {
		d.tb.Errorf("the agent was started %d times", n)
	}
}

// theLog looks at what the tools of the log say.
func (d *dev) theLog(w fleettest.WorkflowView) {
	d.tb.Helper()
	type row struct {
		Stream, What, Verdict string
		Events                []string
	}
	var commits int
	for _, r := range fleettest.DecodeLines[row](d.tb, d.must("journal", "tail", "-n", "100", "--json")) {
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
	verified := fleettest.Decode[struct {
		Accepted, Streams int
		Ignored           map[string]int
	}](d.tb, d.must("journal", "verify", "--json"))
	const want = 7 // a conversation, a workflow, and the company: a namespace and its four users
	if verified.Streams != want || len(verified.Ignored) != 0 || verified.Accepted <= commits {
		d.tb.Errorf("journal verify: %+v; want %d streams, more than %d commits, nothing ignored", verified, want, commits)
	}
}

// theTail looks at what was followed meanwhile, and at the one stream by each of its
// names.
func (d *dev) theTail(w fleettest.WorkflowView, followed *fleettest.Process) {
	d.tb.Helper()
	followed.Said(d.tb, "workflow.delivered.v1")
	_ = followed.Cmd.Process.Signal(syscall.SIGINT)
	if code := followed.Await(d.tb, 10*time.Second); code != 0 || !strings.Contains(followed.Out.String(), `"verdict":"accepted"`) {
		d.tb.Errorf("journal tail --follow: exit code %d\n%s%s", code, followed.Out.String(), followed.Err.String())
	}
	all := d.must("journal", "tail", "--json", "-n", "100", "--stream", w.UUID.String())
	if first := strings.Count(all, "workflow.created.v1"); first != 1 || strings.Contains(all, "conversation") {
		d.tb.Errorf("the stream by its UUID:\n%s", all)
	}
	if by := d.must("journal", "tail", "--json", "-n", "100", "--stream", strconv.FormatInt(w.ID, 10)); by != all {
		d.tb.Errorf("the stream by its number:\n%s", by)
	}
	lines := slices.Collect(strings.Lines(all))
	last := fleettest.Decode[struct{ Position, Stream string }](d.tb, lines[len(lines)-1])
	for _, args := range [][]string{{"-n", "1"}, {"--from", last.Position}} {
		if tail := d.must(append([]string{"journal", "tail", "--json", "--stream", last.Stream}, args...)...); tail != lines[len(lines)-1] {
			d.tb.Errorf("the last commit of the stream, with %v:\n%s", args, tail)
		}
	}
}

func (d *dev) theReadModels() {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 15*time.Second, func() error {
		for _, p := range fleettest.Decode[[]fleettest.Partition](d.tb, d.must("projection", "status", "--json")) {
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
	if n := fleettest.Query[int](d.tb, url, "SELECT count(*) FROM intents"); n != 0 {
		d.tb.Errorf("%d intents are left", n)
	}
	if n := fleettest.Query[int](d.tb, url, "SELECT count(*) FROM stopped"); n != 0 {
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
	d.settled()
}

// TestMessageToARunningAgent: what comes while a run is under way is acknowledged, and
// answered by itself when the agent has not taken it.
func TestMessageToARunningAgent(t *testing.T) {
	t.Parallel()
	d := newDev(t, 300*time.Millisecond)
	d.start()
	first := d.ask("where is package domain defined?", "--thread", "busy")
	first.Said(t, "accepted")
	d.running()
	second := d.ask("who touched domain/?", "--thread", "busy")
	for name, asked := range map[string]*fleettest.Process{"first": first, "second": second} {
		if code := asked.Await(t, 60*time.Second); code != 0 || strings.Count(asked.Out.String(), "✓ delivered") != 1 {
			t.Fatalf("%s: exit code %d\n%s%s", name, code, asked.Out.String(), asked.Err.String())
		}
	}
	if out := second.Out.String(); !strings.Contains(out, "left for the agent") || !strings.Contains(out, "Mia") {
		t.Errorf("the second message is answered with\n%s", out)
	}
}

// all is everything a user can see of the workflows.
func (d *dev) all() map[string]string {
	d.tb.Helper()
	out := map[string]string{"list": d.must("workflow", "list", "--json")}
	for _, w := range fleettest.Decode[[]fleettest.WorkflowView](d.tb, out["list"]) {
		id := w.UUID.String()
		out["show "+id] = d.must("workflow", "show", id, "--json")
		out["timeline "+id] = d.must("workflow", "timeline", id, "--json")
		out["checkpoints "+id] = d.user().Get(d.tb, "/workflows/"+id+"/checkpoints?per_page=100")
	}
	return out
}

// rebuilt derives the read models anew, in the ways an operator does.
func (d *dev) rebuilt(t *testing.T) {
	t.Helper()
	before := d.all()
	same := func(after string) {
		t.Helper()
		fleettest.Eventually(t, 20*time.Second, func() error { return fleettest.Answers("http://" + d.api + "/readyz") })
		if diff := cmp.Diff(before, d.all()); diff != "" {
			t.Errorf("after %s:\n%s", after, diff)
		}
		d.theReadModels()
	}
	d.must("projection", "rebuild")
	same("projection rebuild")
	url := d.connection().Database
	fleettest.Execute(t, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	d.must("projection", "rebuild")
	same("DROP SCHEMA and projection rebuild")
	fleettest.Execute(t, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	d.stop()
	d.start()
	same("DROP SCHEMA and a start")
	if n := d.agent.Starts(t, "who touched domain/?"); n != 1 {
		t.Errorf("after the rebuilds the agent was started %d times for one message", n)
	}
}
