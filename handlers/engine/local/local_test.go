package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/engine/local"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, script, status, reason, tail string
		code                               int
	}{
		{"success", `echo done`, engine.StatusSuccess, "", "done\n", 0},
		{"exit code", `echo oops >&2; exit 3`, engine.StatusFailed, engine.ReasonExitCode, "oops\n", 3},
		{"killed", `kill -9 $$`, engine.StatusFailed, engine.ReasonKilled, "signal: killed", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, config(t.TempDir()))
			outcomes := watch(t, e)
			s := run(tc.script)
			w := start(t, e, s)
			got := next(t, outcomes)
			if got.Status != tc.status || got.Reason != tc.reason || got.LogTail != tc.tail {
				t.Errorf("got %+v", got)
			}
			if (tc.code >= 0) != (got.ExitCode != nil) || got.ExitCode != nil && *got.ExitCode != tc.code {
				t.Errorf("exit code %v, want %d", got.ExitCode, tc.code)
			}
			if got.RunID != s.RunID || got.Workflow != s.Workflow || got.Epoch != 2 || got.Tenant != "acme" {
				t.Errorf("not this run: %+v", got)
			}
			if got.WorkloadID != w.ID || !strings.HasSuffix(w.ID, "@node-1") {
				t.Errorf("workload %q, reported %q", w.ID, got.WorkloadID)
			}
		})
	}
}

func TestStartFailedIsAnOutcome(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.Program = []string{"/nonexistent/agent"}
	e := newEngine(t, cfg)
	outcomes := watch(t, e)
	start(t, e, run(""))
	got := next(t, outcomes)
	if got.Reason != engine.ReasonStartFailed || !strings.Contains(got.LogTail, "/nonexistent/agent") {
		t.Errorf("got %+v", got)
	}
}

func TestSupervisorThatCannotStart(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.Supervisor = []string{"/bin/false"}
	e := newEngine(t, cfg)
	s := run("")
	if _, err := e.Start(t.Context(), s); err == nil {
		t.Fatal("no error")
	}
	if state, _, err := e.Lookup(t.Context(), engine.Run{ID: s.RunID}); err != nil || state != engine.StateUnknown {
		t.Errorf("state %s, %v; a run that was never claimed may be started", state, err)
	}
}

func TestManyStartsStartOneProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := newEngine(t, config(dir)), newEngine(t, config(dir))
	count, release := filepath.Join(dir, "count"), filepath.Join(dir, "release")
	s := run(fmt.Sprintf(`echo x >> %s; while [ ! -e %s ]; do sleep 0.02; done`, count, release))

	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		e := first
		if i%2 == 1 {
			e = second // another server that believes it owns the run
		}
		wg.Go(func() {
			w, err := e.Start(t.Context(), s)
			if err != nil {
				t.Errorf("start: %v", err)
			}
			ids[i] = w.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("different workloads: %q", ids)
		}
	}
	if state, w, err := first.Lookup(t.Context(), engine.Run{ID: s.RunID}); err != nil || state != engine.StateRunning || w.ID != ids[0] {
		t.Errorf("lookup: %s %+v %v", state, w, err)
	}
	outcomes := watch(t, first)
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	next(t, outcomes)
	start(t, first, s) // and once more after it ended
	if got := read(t, count); got != "x\n" {
		t.Errorf("the program ran %d times", strings.Count(got, "x"))
	}
	if got := len(outcomes); got != 0 {
		t.Errorf("%d more outcomes", got)
	}
}

func TestServerKilledBetweenStartAndOutcome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := filepath.Join(dir, "release")
	s := run(fmt.Sprintf(`while [ ! -e %s ]; do sleep 0.02; done; echo survived`, release))
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "server", dir, string(body))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("server said nothing: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()

	e := newEngine(t, config(dir))
	state, w, err := e.Lookup(t.Context(), engine.Run{ID: s.RunID})
	if err != nil || state != engine.StateRunning || w.ID != strings.TrimSpace(string(line[:n])) {
		t.Fatalf("after kill -9: %s %+v %v, the server had said %q", state, w, err, line[:n])
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := next(t, watch(t, e)); got.Status != engine.StatusSuccess || got.LogTail != "survived\n" {
		t.Errorf("got %+v", got)
	}
	until(t, "reported", func() bool {
		_, err := os.Stat(filepath.Join(runDir(dir, s), "reported"))
		return err == nil
	})
	// A third server hears nothing of it: it reports a newer run first and only.
	third := newEngine(t, config(dir))
	outcomes := watch(t, third)
	newer := run("true")
	start(t, third, newer)
	if got := next(t, outcomes); got.RunID != newer.RunID {
		t.Errorf("reported again: %+v", got)
	}
}

func TestReportIsRepeatedUntilTaken(t *testing.T) {
	t.Parallel()
	e := newEngine(t, config(t.TempDir()))
	start(t, e, run("true"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	err := e.Run(ctx, func(context.Context, engine.Finished) error {
		if calls++; calls < 4 {
			return errors.New("not now")
		}
		cancel()
		return nil
	})
	if err != nil || calls != 4 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, trap string }{
		{"obeys", ""}, {"ignores SIGTERM", `trap "" TERM; `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := newEngine(t, config(dir))
			outcomes := watch(t, e)
			child := filepath.Join(dir, "grandchild")
			s := run(tc.trap + fmt.Sprintf(`sh -c 'sleep 300 & echo $! > %s.tmp; mv %s.tmp %s; wait' & wait; wait`, child, child, child))
			start(t, e, s)
			until(t, "grandchild", func() bool { return read(t, child) != "" })
			if err := e.Stop(t.Context(), engine.Run{ID: s.RunID}); err != nil {
				t.Fatal(err)
			}
			if got := next(t, outcomes); got.Status != engine.StatusStopped || got.Reason != engine.ReasonStopped {
				t.Errorf("got %+v", got)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(read(t, child)))
			if err != nil {
				t.Fatal(err)
			}
			until(t, "grandchild gone", func() bool { return gone(pid) })
			if err := e.Stop(t.Context(), engine.Run{ID: s.RunID}); err != nil {
				t.Errorf("stop of a finished run: %v", err)
			}
		})
	}
}

func TestStopOfAnUnknownRun(t *testing.T) {
	t.Parallel()
	e := newEngine(t, config(t.TempDir()))
	if err := e.Stop(t.Context(), engine.Run{ID: uuid.New()}); err != nil {
		t.Error(err)
	}
}

func TestSignalsToTheSupervisorAloneEndNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := newEngine(t, config(dir))
	outcomes := watch(t, e)
	release := filepath.Join(dir, "release")
	s := run(fmt.Sprintf(`while [ ! -e %s ]; do sleep 0.02; done`, release))
	start(t, e, s)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(pidIn(t, filepath.Join(runDir(dir, s), "claim")), sig); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := next(t, outcomes); got.Status != engine.StatusSuccess {
		t.Errorf("got %+v", got)
	}
}

func TestLost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		stop   bool
		status string
		reason string
	}{
		{"both killed", false, engine.StatusFailed, engine.ReasonLost},
		{"supervisor killed, then stopped", true, engine.StatusStopped, engine.ReasonStopped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := newEngine(t, config(dir))
			outcomes := watch(t, e)
			s := run(`exec sleep 300`)
			start(t, e, s)
			kill(t, filepath.Join(runDir(dir, s), "claim"))
			if state, _, err := e.Lookup(t.Context(), engine.Run{ID: s.RunID}); err != nil || state != engine.StateRunning {
				t.Errorf("the program runs on: %s %v", state, err)
			}
			if tc.stop {
				if err := e.Stop(t.Context(), engine.Run{ID: s.RunID}); err != nil {
					t.Fatal(err)
				}
			} else {
				kill(t, filepath.Join(runDir(dir, s), "pid"))
			}
			if got := next(t, outcomes); got.Status != tc.status || got.Reason != tc.reason {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func kill(t *testing.T, file string) {
	t.Helper()
	pid := pidIn(t, file)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "killed", func() bool { return gone(pid) })
}

func TestEnvironmentIsScrubbedAndStaysInMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := config(dir)
	cfg.Getenv = func(name string) string {
		return map[string]string{"PATH": os.Getenv("PATH"), "HOME": "/home/agent", "DATABASE_URL": "server-secret"}[name]
	}
	e := newEngine(t, cfg)
	outcomes := watch(t, e)
	s := run(`env; printf '%s' "$DUOLOG_TOKEN"`)
	s.Env["DUOLOG_TOKEN"] = "tok-0123456789"
	start(t, e, s)
	got := next(t, outcomes)
	if u := got.Used; u.WallMS < 0 || u.MemoryBytes < 64<<10 || !strings.HasPrefix(u.Job, "pid ") {
		t.Errorf("it used %+v", u)
	}
	if !strings.Contains(got.LogTail, "DUOLOG_TOKEN=[masked]\n") || !strings.Contains(got.LogTail, "HOME=/home/agent\n") {
		t.Errorf("environment:\n%s", got.LogTail)
	}
	if strings.Contains(got.LogTail, "server-secret") {
		t.Error("the program saw a secret of the server")
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(read(t, path), "tok-0123456789") {
			t.Errorf("the token stands in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogIsCappedAndItsTailIsText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := config(dir)
	cfg.MaxLog = 10_000
	e := newEngine(t, cfg)
	outcomes := watch(t, e)
	s := run(`i=0; while [ $i -lt 3000 ]; do printf 'ääää\377\n'; i=$((i+1)); done`)
	start(t, e, s)
	got := next(t, outcomes)
	if got.Status != engine.StatusSuccess || !utf8.ValidString(got.LogTail) || len(got.LogTail) > 4096 {
		t.Errorf("tail of %d bytes, valid %v", len(got.LogTail), utf8.ValidString(got.LogTail))
	}
	if !strings.HasSuffix(got.LogTail, "[duolog: the log is full, 20000 bytes were dropped]\n") {
		t.Errorf("tail ends %q", got.LogTail[max(0, len(got.LogTail)-80):])
	}
	if size := len(read(t, filepath.Join(runDir(dir, s), "log"))); size > 10_100 {
		t.Errorf("log of %d bytes", size)
	}
}

func TestConfigSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]local.Config{
		"dir":        {},
		"program":    {Dir: "x"},
		"supervisor": {Dir: "x", Program: []string{"x"}},
		"node":       {Dir: "x", Program: []string{"x"}, Supervisor: []string{"x"}},
	} {
		if _, err := local.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
