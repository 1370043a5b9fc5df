package kafka_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }

// TestExamplesOverKafka runs every example beside a node, on the embedded broker and,
// where DUOLOG_TEST_KAFKA names one, on an Apache Kafka: each command is accepted and
// once more, and each consumer is told of what the commands began.
func TestExamplesOverKafka(t *testing.T) {
	t.Parallel()
	programs := examples(t)
	f := fleettest.NewFleetOn(t, 0, os.Getenv("DUOLOG_TEST_KAFKA"))
	if r := f.Init(1); r.Code != 0 {
		t.Fatalf("journal init: %s%s", r.Out, r.Err)
	}
	n := f.Node("a", "")
	n.Start()
	if _, shell := programs["kcat"]; shell {
		pages(t, f)
		followed(t, f, n.Base)
	}
	var made []string
	for name, p := range programs {
		id := p.command(t, f, name+"-1", "start me by "+name, true)
		if again := p.command(t, f, name+"-1", "start me by "+name, false); again != id {
			t.Errorf("%s: the same command made %s and %s", name, id, again)
		}
		made = append(made, id)
	}
	for name, p := range programs {
		c := p.follow(t, f, f.Prefix+".events", "example-"+name)
		for _, id := range made {
			fleettest.Eventually(t, 30*time.Second, func() error {
				if !strings.Contains(c.Out.String(), "workflow/"+id) {
					return errors.New(name + " was not told of " + id + "\n" + c.Out.String() + c.Err.String())
				}
				return nil
			})
		}
		c.Kill()
	}
}

// program is one language's examples: what leads the arguments.
type program struct{ send, consume []string }

// examples are those that this machine can run; in CI that is all of them.
func examples(t *testing.T) map[string]program {
	t.Helper()
	here, err := os.Getwd()
	fleettest.OK(t, err)
	out := map[string]program{"go": {[]string{built(t, "command")}, []string{built(t, "consume")}}}
	add := func(name, needs string, p func() program) {
		if _, err := exec.LookPath(needs); err == nil {
			out[name] = p()
		} else if os.Getenv("CI") != "" {
			t.Errorf("%s is not there", needs)
		} else {
			t.Logf("left out: the examples in %s: %s is not there", name, needs)
		}
	}
	add("python", "python3", func() program {
		python := environment(t)
		return program{[]string{python, filepath.Join(here, "command.py")}, []string{python, filepath.Join(here, "consume.py")}}
	})
	add("kcat", "kcat", func() program {
		return program{[]string{filepath.Join(here, "command.sh")}, []string{filepath.Join(here, "consume.sh")}}
	})
	return out
}

func built(t *testing.T, name string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", to, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return to
}

// environment is a Python with the library that the examples name.
func environment(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "venv")
	for _, args := range [][]string{{"python3", "-m", "venv", dir}, {filepath.Join(dir, "bin/pip"), "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt"}} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return filepath.Join(dir, "bin/python")
}

// command starts a workflow and is its id.
func (p program) command(t *testing.T, f *fleettest.Fleet, id, goal string, changed bool) string {
	t.Helper()
	c := fleettest.Launch(t, f.Dir, []string{"DUOLOG_TOKEN=" + f.Token}, p.send[0], append(p.send[1:], f.Brokers, f.Prefix, id, goal)...)
	if code := c.Await(t, 90*time.Second); code != 0 {
		t.Fatalf("%v ended with %d: %s%s", p.send, code, c.Out.String(), c.Err.String())
	}
	var answer struct {
		Changed  bool
		Workflow struct{ ID string }
	}
	if err := json.Unmarshal([]byte(c.Out.String()), &answer); err != nil || answer.Workflow.ID == "" || answer.Changed != changed {
		t.Fatalf("%v was answered %s, %v", p.send, c.Out.String(), err)
	}
	return answer.Workflow.ID
}

func (p program) follow(t *testing.T, f *fleettest.Fleet, topic, group string) *fleettest.Process {
	t.Helper()
	args := append(p.consume[1:], f.Brokers, topic)
	if !strings.HasSuffix(p.consume[0], ".sh") { // kcat reads all partitions itself
		args = append(args, fmt.Sprintf("%s-%s", f.Prefix, group))
	}
	return fleettest.Launch(t, f.Dir, nil, p.consume[0], args...)
}

// pages runs the commands of the pages as they stand there, against this log.
func pages(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	fleettest.OK(t, os.Mkdir(filepath.Join(f.Dir, ".duolog"), 0o700))
	fleettest.Write(t, f.Token+"\n", f.Dir, ".duolog", "token")
	here := strings.NewReplacer("127.0.0.1:9092", f.Brokers, "duolog.commands", f.Prefix+".commands", "duolog.replies", f.Prefix+".replies", "duolog.events", f.Prefix+".events")
	ran := 0
	for _, page := range []string{"producers.md", "consumers.md"} {
		for _, block := range fleettest.Blocks(t, fleettest.Read(t, "../../docs", page), "sh") {
			c := exec.CommandContext(t.Context(), "sh", "-ec", here.Replace(block))
			c.Dir = f.Dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s%s", page, err, block, out)
			}
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("the pages have %d commands", ran)
	}
	// What the pages sent is answered as they say.
	answers := fleettest.Launch(t, f.Dir, nil, "kcat", "-C", "-q", "-u", "-o", "beginning", "-b", f.Brokers, "-t", f.Prefix+".replies")
	answers.Said(t, `"id":"job-7"`)
	answers.Said(t, `"id":"m-1"`)
	answers.Said(t, `"id":"m-1-again"`)
	answers.Kill()
	if strings.Contains(answers.Out.String(), `"error"`) {
		t.Errorf("a command of the pages was refused: %s", answers.Out.String())
	}
}

// followed runs the commands of the pages that follow what happens, until each was
// told of a change to a workflow.
func followed(t *testing.T, f *fleettest.Fleet, base string) {
	t.Helper()
	const workflows = "/workflows"
	u := f.User(base)
	_, answer, err := u.Call(t.Context(), http.MethodPost, workflows, map[string]any{"goal": "be followed"})
	fleettest.OK(t, err)
	id := fmt.Sprint(fleettest.Decode[struct{ ID int64 }](t, string(answer)).ID)
	here := strings.NewReplacer("workflow tail 5", "workflow tail "+id, "http://127.0.0.1:8080", base)
	var running []*fleettest.Process
	for _, block := range fleettest.Blocks(t, fleettest.Read(t, "../../docs", "consumers.md"), "sh follow") {
		for line := range strings.Lines(block) {
			env := []string{"PATH=" + filepath.Dir(fleettest.Duolog(t)) + ":" + os.Getenv("PATH"), "DUOLOG_URL=" + base, "DUOLOG_TOKEN=" + f.Token}
			running = append(running, fleettest.Launch(t, f.Dir, env, "sh", "-c", "exec "+here.Replace(line)))
		}
	}
	if len(running) < 4 {
		t.Errorf("the page has %d commands that follow", len(running))
	}
	changes := []string{"start", "pause", "resume"}
	fleettest.Eventually(t, 30*time.Second, func() error {
		if _, _, err := u.Call(t.Context(), http.MethodPatch, workflows+"/"+id, map[string]any{"status_event": changes[0]}); err != nil {
			return err
		}
		if changes = changes[1:]; len(changes) == 0 {
			changes = []string{"pause", "resume"}
		}
		for _, p := range running {
			if !strings.Contains(strings.ReplaceAll(p.Out.String(), "status changed", "status_changed"), "status_changed") {
				return fmt.Errorf("%v was told nothing yet: %s%s", p.Cmd.Args, p.Out.String(), p.Err.String())
			}
		}
		return nil
	})
	for _, p := range running {
		p.Kill()
	}
}
