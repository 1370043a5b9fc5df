package langgraphagent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// changed is a question of recorded.json whose answer takes 9 checkpoints: the input's
// two, four turns of the model and three of the tools.
const changed, changedSteps = "what changed in the last 10 commits?", 9

// needsPython is the interpreter of the agent's environment.
func needsPython(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("left out: python3 is not there")
	}
	out, err := exec.CommandContext(t.Context(), "./setup").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("setup: %v\n%s", err, exit.Stderr)
	}
	fleettest.OK(t, err)
	return strings.TrimSpace(string(out))
}

// TestAgentOverMemory are the agent's own tests: turns, tools, models.
func TestAgentOverMemory(t *testing.T) {
	t.Parallel()
	said, err := exec.CommandContext(t.Context(), needsPython(t), "-m", "unittest", "test_agent").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// world is a node whose engine starts the agent, with a recorded model.
type world struct {
	*fleettest.Fleet
	node *fleettest.Node
}

func newWorld(t *testing.T, delay string) *world {
	t.Helper()
	needsPython(t)
	here, err := os.Getwd()
	fleettest.OK(t, err)
	f := fleettest.NewFleetOn(t, 0, "")
	counter, script := filepath.Join(f.Dir, "starts"), filepath.Join(f.Dir, "agent.sh")
	fleettest.Write(t, fmt.Sprintf("#!/bin/sh\necho \"$DUO_WORKFLOW_GOAL\" >>%s\nexec %s/run --recorded --delay %s\n", counter, here, delay), f.Dir, "agent.sh")
	f.Agent = fleettest.Agent{Program: []string{"/bin/sh", script}, Counter: counter}
	f.Config = f.Write("duolog.yaml", "")
	if r := f.Init(1); r.Code != 0 {
		t.Fatalf("journal init: %s%s", r.Out, r.Err)
	}
	w := &world{f, f.Node("a", "")}
	w.node.Start()
	return w
}

// checkpoint is what the tests read of one.
type checkpoint struct {
	ID       string `json:"checkpoint_id"`
	Metadata struct {
		Step int `json:"step"`
	} `json:"metadata"`
}

// checkpoints are those of a workflow's thread, newest first.
func (w *world) checkpoints(t *testing.T, v fleettest.WorkflowView) []checkpoint {
	t.Helper()
	status, answer, err := w.User(w.node.Base).Call(t.Context(), http.MethodPost, "/v1/threads/list", map[string]any{"thread_id": v.UUID, "values": false})
	if err != nil || status != http.StatusOK {
		t.Fatalf("list the thread: %d %s %v", status, answer, err)
	}
	head, _, _ := bytes.Cut(answer, []byte("\n"))
	var page struct {
		Checkpoints []checkpoint `json:"checkpoints"`
	}
	fleettest.OK(t, json.Unmarshal(head, &page))
	return page.Checkpoints
}

// reaches waits until the thread has so many checkpoints.
func (w *world) reaches(t *testing.T, goal string, n int) fleettest.WorkflowView {
	t.Helper()
	fleettest.Eventually(t, 60*time.Second, func() error {
		if w.Agent.Starts(t, goal) == 0 {
			return errors.New("the agent was not started")
		}
		return nil
	})
	v := w.node.Of(goal)
	fleettest.Eventually(t, 60*time.Second, func() error {
		if got := len(w.checkpoints(t, v)); got < n {
			return fmt.Errorf("%d checkpoints, want %d", got, n)
		}
		return nil
	})
	return v
}

// finishes waits for the end of a workflow that has answered.
func (w *world) finishes(t *testing.T, id string) {
	t.Helper()
	fleettest.Eventually(t, 60*time.Second, func() error {
		v := fleettest.Decode[fleettest.WorkflowView](t, w.User(w.node.Base).Get(t, "/workflows/"+id))
		if v.Status != "finished" {
			return fmt.Errorf("workflow %s is %s: %s", id, v.Status, v.Reason)
		}
		return nil
	})
}

// TestAgentAnswers, goes on in another process when it or the server is killed, and is
// forked with another instruction.
func TestAgentAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "0.3")
	p := w.Ask(w.node.Base, changed)
	w.Answered(t, p)
	for _, fact := range []string{"Mia: Orders have a package", "The project says of itself: # A small project"} {
		if !strings.Contains(p.Out.String(), fact) {
			t.Errorf("no %q in\n%s", fact, p.Out.String())
		}
	}
	v := w.node.Of(changed)
	steps := w.checkpoints(t, v)
	if len(steps) != changedSteps {
		t.Errorf("%d checkpoints, want %d", len(steps), changedSteps)
	}
	t.Run("forked at step 3", func(t *testing.T) { w.fork(t, v, steps) })
	t.Run("the server is killed", w.killServer)
	t.Run("the agent is killed", w.killAgent)
	w.Clean()
}

func (w *world) fork(t *testing.T, v fleettest.WorkflowView, steps []checkpoint) {
	t.Helper()
	at := ""
	for _, c := range steps {
		if c.Metadata.Step == 3 {
			at = c.ID
		}
	}
	r := w.cli(t, "workflow", "fork", v.UUID.String(), "--at", at, "--goal", "Answer in one line.", "--run", "--json")
	fork := fleettest.Decode[fleettest.WorkflowView](t, r)
	w.finishes(t, fork.UUID.String())
	if n := len(w.checkpoints(t, v)); n != len(steps) {
		t.Errorf("the source has %d checkpoints, had %d", n, len(steps))
	}
	if n := len(w.checkpoints(t, fork)); n <= 3 {
		t.Errorf("the fork has %d checkpoints", n)
	}
}

// cli runs a tool that calls the API.
func (w *world) cli(t *testing.T, args ...string) string {
	t.Helper()
	r := fleettest.Command(t, w.Dir, []string{"DUOLOG_URL=" + w.node.Base, "DUOLOG_TOKEN=" + w.Token}, args...)
	if r.Code != 0 {
		t.Fatalf("duolog %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Out, r.Err)
	}
	return r.Out
}

// killServer kills the node in the middle of a run, which waits for another one.
func (w *world) killServer(t *testing.T) {
	const question = "What changed in the last 10 commits?!"
	p := w.Ask(w.node.Base, question)
	v := w.reaches(t, question, 4)
	w.node.Proc.Kill()
	w.node.Start()
	w.Answered(t, p)
	if n := len(w.checkpoints(t, v)); n != changedSteps {
		t.Errorf("%d checkpoints, want %d", n, changedSteps)
	}
}

// killAgent kills the agent in the middle: another run takes the steps that are left.
func (w *world) killAgent(t *testing.T) {
	const question = "What changed lately?"
	p := w.Ask(w.node.Base, question)
	v := w.reaches(t, question, 4)
	for _, r := range fleettest.RunsIn(filepath.Join(w.Dir, w.node.Name)) {
		if !r.Over && r.Program > 0 {
			fleettest.OK(t, syscall.Kill(-r.Program, syscall.SIGKILL))
		}
	}
	if code := p.Await(t, 60*time.Second); code != 0 {
		t.Errorf("ask: exit code %d\n%s%s", code, p.Out.String(), p.Err.String())
	}
	w.cli(t, "workflow", "retry", v.UUID.String())
	w.finishes(t, v.UUID.String())
	if n := w.Agent.Starts(t, question); n != 2 {
		t.Errorf("the agent was started %d times, want 2", n)
	}
	if n := len(w.checkpoints(t, v)); n != changedSteps {
		t.Errorf("%d checkpoints, want %d: no step is taken twice, none is left out", n, changedSteps)
	}
}
