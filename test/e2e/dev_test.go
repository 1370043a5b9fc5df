package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dev is a duolog dev on its own state directory and ports, which stay the same
// when it is started again.
type dev struct {
	tb                 testing.TB
	dir, state         string
	api, log, database string
	flags              []string
	agent              agent
	proc               *process
}

// agent is what the engine starts: the demo agent, counted.
type agent struct {
	program []string
	counter string
}

// newDev makes the directory; the agent pauses so long between its steps.
func newDev(tb testing.TB, step time.Duration) *dev {
	tb.Helper()
	dir := tb.TempDir()
	d := &dev{
		tb: tb, dir: dir, state: filepath.Join(dir, "state"),
		api: address(tb), log: address(tb), database: address(tb), agent: newAgent(tb, dir, step),
	}
	tb.Cleanup(d.sweep) // after every process was killed
	d.flags = []string{"--engine-base-path", repository(tb, dir), "--engine-program", strings.Join(d.agent.program, " ")}
	return d
}

// newAgent is a program that notes each of its starts, and is the demo agent
// then. The engine gives it no environment of ours, so all stands in the file.
func newAgent(tb testing.TB, dir string, step time.Duration) agent {
	tb.Helper()
	counter, script := filepath.Join(dir, "starts"), filepath.Join(dir, "agent.sh")
	text := fmt.Sprintf("#!/bin/sh\necho \"$DUO_WORKFLOW_GOAL\" >>%s\nDEMO_AGENT_STEP_DELAY=%s exec %s demo-agent\n", counter, step, duolog(tb))
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		tb.Fatal(err)
	}
	return agent{[]string{"/bin/sh", script}, counter}
}

// starts counts how often the agent was started for a goal.
func (a agent) starts(tb testing.TB, goal string) int {
	tb.Helper()
	b, err := os.ReadFile(a.counter)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	n := 0
	for l := range strings.Lines(string(b)) {
		if strings.TrimSpace(l) == goal {
			n++
		}
	}
	return n
}

// repository is a git repository with two commits.
func repository(tb testing.TB, dir string) string {
	tb.Helper()
	repo := filepath.Join(dir, "repo")
	script := `git init -q -b main . && mkdir domain &&
		echo '# A small project' >README.md && git add . && git commit -qm 'Begin' &&
		echo 'package domain' >domain/order.go && git add . && git commit -qm 'Orders have a package'`
	if err := os.Mkdir(repo, 0o755); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir = repo
	cmd.Env = append(cleanEnv(), "GIT_AUTHOR_NAME=Mia", "GIT_AUTHOR_EMAIL=mia@example.com", "GIT_COMMITTER_NAME=Mia", "GIT_COMMITTER_EMAIL=mia@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("make a repository: %v\n%s", err, out)
	}
	return repo
}

// launch starts a process on the directory and does not wait for it.
func (d *dev) launch(binary string, env ...string) *process {
	d.tb.Helper()
	args := append([]string{"dev", "--state-dir", d.state, "--listen", d.api, "--log-listen", d.log, "--database-listen", d.database}, d.flags...)
	d.proc = launch(d.tb, d.dir, env, binary, args...)
	return d.proc
}

// start starts the plain binary and waits until it serves.
func (d *dev) start() {
	d.tb.Helper()
	d.launch(duolog(d.tb))
	d.ready()
}

// ready waits until the process serves, or has ended.
func (d *dev) ready() {
	d.tb.Helper()
	eventually(d.tb, 30*time.Second, func() error {
		if !d.proc.alive() {
			return final{errors.New("dev ended: " + d.proc.err.String())}
		}
		return answers("http://" + d.api + "/readyz")
	})
}

func answers(url string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// stop is Ctrl-C; it must end in good order, soon.
func (d *dev) stop() {
	d.tb.Helper()
	_ = d.proc.cmd.Process.Signal(syscall.SIGINT)
	if code := d.proc.await(d.tb, 10*time.Second); code != 0 {
		d.tb.Fatalf("after Ctrl-C the exit code is %d\n%s", code, d.proc.err.String())
	}
}

// sweep ends what outlives the processes of a dev: the runs of its engine, and
// for a moment its database.
func (d *dev) sweep() {
	end(d.state)
	pid, _, _ := strings.Cut(readOr(filepath.Join(d.state, "postgres", "data", "postmaster.pid")), "\n")
	if n, err := strconv.Atoi(pid); err == nil {
		gone(d.tb, n)
	}
}

// run runs a tool that finds this dev by its state directory.
func (d *dev) run(args ...string) result {
	d.tb.Helper()
	return command(d.tb, d.dir, nil, append(args, "--state-dir", d.state)...)
}

// must is run that has to go well.
func (d *dev) must(args ...string) string {
	d.tb.Helper()
	r := d.run(args...)
	if r.code != 0 {
		d.tb.Fatalf("duolog %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// ask begins to ask in the background.
func (d *dev) ask(text string, more ...string) *process {
	d.tb.Helper()
	return launch(d.tb, d.dir, nil, duolog(d.tb), append([]string{"ask", "--state-dir", d.state, text}, more...)...)
}
