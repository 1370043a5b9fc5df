package fleettest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Agent is what the engine starts: the demo agent, counted.
type Agent struct {
	Program []string
	Counter string
}

// NewAgent is a program that notes each of its starts, and is the demo agent
// then. The engine gives it no environment of ours, so all stands in the file.
func NewAgent(tb testing.TB, dir string, step time.Duration) Agent {
	tb.Helper()
	counter, script := filepath.Join(dir, "starts"), filepath.Join(dir, "agent.sh")
	text := fmt.Sprintf("#!/bin/sh\necho \"$DUO_WORKFLOW_GOAL\" >>%s\nDEMO_AGENT_STEP_DELAY=%s exec %s demo-agent\n", counter, step, Duolog(tb))
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		tb.Fatal(err)
	}
	return Agent{[]string{"/bin/sh", script}, counter}
}

// Starts counts how often the agent was started for a goal.
func (a Agent) Starts(tb testing.TB, goal string) int {
	tb.Helper()
	b, err := os.ReadFile(a.Counter)
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

// Repository is a git repository with two commits.
func Repository(tb testing.TB, dir string) string {
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
	cmd.Env = append(CleanEnv(), "GIT_AUTHOR_NAME=Mia", "GIT_AUTHOR_EMAIL=mia@example.com", "GIT_COMMITTER_NAME=Mia", "GIT_COMMITTER_EMAIL=mia@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("make a repository: %v\n%s", err, out)
	}
	return repo
}

// Prelude makes the program do something first.
func (a Agent) Prelude(tb testing.TB, script string) {
	tb.Helper()
	a.before(tb, "\necho ", script)
}

// Pause makes the program do something once its start is noted.
func (a Agent) Pause(tb testing.TB, script string) {
	tb.Helper()
	a.before(tb, "\nDEMO_AGENT_STEP_DELAY=", script)
}

func (a Agent) before(tb testing.TB, line, script string) {
	tb.Helper()
	file := a.Program[len(a.Program)-1]
	text := strings.Replace(Read(tb, file), line, "\n"+script+line, 1)
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		tb.Fatal(err)
	}
}
