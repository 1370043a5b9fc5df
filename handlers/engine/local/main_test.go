package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/engine/local"
)

// TestMain lets the test binary be what the server's binary is in production:
// its own supervisor, and a server that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "engine-supervise":
			exitOn(local.Supervise(os.Args[2], os.Stdin, os.Stdout, time.Now))
		case "server":
			exitOn(server(os.Args[2], os.Args[3]))
		}
	}
	goleak.VerifyTestMain(m)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// server starts one run, says so and hangs until it is killed.
func server(dir, start string) error {
	var s engine.Start
	if err := json.Unmarshal([]byte(start), &s); err != nil {
		return err
	}
	e, err := local.New(config(dir))
	if err != nil {
		return err
	}
	w, err := e.Start(context.Background(), s)
	if err != nil {
		return err
	}
	fmt.Println(w.ID)
	select {}
}

// config runs the shell script in SCRIPT.
func config(dir string) local.Config {
	return local.Config{
		Dir: dir, Node: "node-1", Getenv: os.Getenv,
		Program:    []string{"/bin/sh", "-c", `eval "$SCRIPT"`},
		Supervisor: []string{os.Args[0], "engine-supervise"},
		Grace:      300 * time.Millisecond, Poll: 10 * time.Millisecond,
	}
}

func newEngine(t *testing.T, cfg local.Config) *local.Engine {
	t.Helper()
	e, err := local.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func run(script string) engine.Start {
	return engine.Start{
		Tenant: domain.Tenant("acme"), Workflow: uuid.New(), Number: 1003, RunID: uuid.New(),
		Epoch: 2, Mode: engine.ModeStart, Env: map[string]string{"SCRIPT": script},
	}
}

func start(t *testing.T, e *local.Engine, s engine.Start) engine.Workload {
	t.Helper()
	w, err := e.Start(t.Context(), s)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return w
}

// watch runs the engine until the test ends and hands over what it reports.
func watch(t *testing.T, e *local.Engine) <-chan engine.Finished {
	t.Helper()
	outcomes := make(chan engine.Finished, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Run(ctx, func(_ context.Context, f engine.Finished) error {
			outcomes <- f
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return outcomes
}

func next(t *testing.T, outcomes <-chan engine.Finished) engine.Finished {
	t.Helper()
	select {
	case f := <-outcomes:
		return f
	case <-time.After(30 * time.Second):
		t.Fatal("no outcome was reported")
		return engine.Finished{}
	}
}

// until polls what another process does; there is nothing to wait on.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func runDir(dir string, s engine.Start) string {
	return filepath.Join(dir, "runs", s.RunID.String())
}

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(body)
}

func pidIn(t *testing.T, path string) int {
	t.Helper()
	var p struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(read(t, path)), &p); err != nil {
		t.Fatal(err)
	}
	return p.PID
}

// gone says that no process with this pid runs; a zombie does not run.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
