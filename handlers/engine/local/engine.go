package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/engine"
)

// Engine runs programs of this machine. Its methods may be called from any
// goroutine.
type Engine struct {
	cfg Config

	mu sync.Mutex
	// watched are the runs whose outcome has not been taken yet, as far as this
	// process knows; Run fills it from Dir, Start and Lookup add to it.
	watched map[uuid.UUID]*pending
	// children are supervisors this process started and has to reap.
	children map[int]struct{}
}

// New checks the configuration and prepares Dir. It starts nothing.
func New(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, watched: map[uuid.UUID]*pending{}, children: map[int]struct{}{}}
	if err := os.MkdirAll(e.runsDir(), 0o700); err != nil {
		return nil, fmt.Errorf("local engine: create %s: %w", e.runsDir(), err)
	}
	return e, nil
}

func (e *Engine) runsDir() string { return filepath.Join(e.cfg.Dir, "runs") }

func (e *Engine) dir(run uuid.UUID) runDir {
	return runDir(filepath.Join(e.runsDir(), run.String()))
}

// Start starts the run's program, or finds that it has been started. A program
// that cannot be executed is no error here: the run has ended with start_failed
// and Run reports it. After an error nothing is known; Lookup says, or Start is
// called again.
func (e *Engine) Start(ctx context.Context, s engine.Start) (engine.Workload, error) {
	if err := s.Validate(); err != nil {
		return engine.Workload{}, err
	}
	d := e.dir(s.RunID)
	if err := d.create(s, e.cfg.Node); err != nil {
		return engine.Workload{}, fmt.Errorf("start run %s: %w", s.RunID, err)
	}
	e.watch(s.RunID)
	if !d.has(fileClaim) {
		if err := e.supervise(ctx, d, s.Env); err != nil {
			return engine.Workload{}, fmt.Errorf("start run %s: %w", s.RunID, err)
		}
	}
	w, err := e.started(ctx, d)
	if err != nil {
		return engine.Workload{}, fmt.Errorf("start run %s: %w", s.RunID, err)
	}
	e.cfg.Logger.InfoContext(ctx, "run started",
		slog.String("run_id", s.RunID.String()), slog.String("workload", w.ID))
	return w, nil
}

// supervise launches a supervisor, hands it the order and waits until it has
// started the program or has given up.
func (e *Engine) supervise(ctx context.Context, d runDir, env map[string]string) error {
	body, err := json.Marshal(order{
		Program: e.cfg.Program, Env: e.cfg.environ(env), WorkDir: e.cfg.WorkDir,
		Grace: e.cfg.Grace, MaxLog: e.cfg.MaxLog,
	})
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	args := append(append([]string(nil), e.cfg.Supervisor...), string(d))
	// The supervisor must outlive ctx and this process, so no context ends it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...) //nolint:gosec // the server's own binary
	cmd.Env = e.cfg.environ(nil)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("open order pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(fmt.Errorf("open answer pipe: %w", err), in.Close())
	}
	defer func() { _ = in.Close(); _ = out.Close() }()
	// What the supervisor itself complains about stands where people look anyway.
	complaints, err := d.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = complaints.Close() }()
	cmd.Stderr = complaints
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	e.adopt(cmd.Process)
	defer context.AfterFunc(ctx, func() { _ = in.Close(); _ = out.Close() })()
	if _, err := in.Write(body); err != nil {
		return errors.Join(fmt.Errorf("hand over order: %w", err), ctx.Err())
	}
	_ = in.Close()
	// One line, or the end of a supervisor that found the run taken or did not
	// get that far: the directory says which.
	_, _ = out.Read(make([]byte, 64))
	return ctx.Err()
}

// started waits until the claim's owner has started the program. It is a loop
// only for the loser of a race between two Starts.
func (e *Engine) started(ctx context.Context, d runDir) (engine.Workload, error) {
	for {
		v, err := d.look()
		switch {
		case err != nil:
			return engine.Workload{}, err
		case v.state == engine.StateUnknown:
			return engine.Workload{}, fmt.Errorf("the supervisor ended before it claimed the run: see %s", d.path(fileLog))
		case v.state == engine.StateFinished, v.program.PID != 0:
			return d.workload(v), nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return engine.Workload{}, err
		}
	}
}

// Lookup says what this machine knows of a run.
func (e *Engine) Lookup(_ context.Context, asked engine.Run) (engine.State, engine.Workload, error) {
	run := asked.ID
	d := e.dir(run)
	v, err := d.look()
	if err != nil {
		return "", engine.Workload{}, fmt.Errorf("look up run %s: %w", run, err)
	}
	if v.state != engine.StateUnknown {
		e.watch(run)
	}
	return v.state, d.workload(v), nil
}

// Stop asks for the end of a run and returns: the supervisor sends SIGTERM to
// the program's group and SIGKILL after the grace, whatever becomes of this
// process. The outcome is reported as stopped.
func (e *Engine) Stop(ctx context.Context, asked engine.Run) error {
	run := asked.ID
	d := e.dir(run)
	if !d.has(fileSpec) {
		return nil
	}
	v, err := d.look()
	if err != nil {
		return fmt.Errorf("stop run %s: %w", run, err)
	}
	if v.state == engine.StateFinished {
		return nil
	}
	// The wish is written first: a supervisor that claims the run a moment from
	// now sees it and starts nothing.
	if err := d.touch(fileStop); err != nil {
		return fmt.Errorf("stop run %s: %w", run, err)
	}
	if v, err = d.look(); err != nil {
		return fmt.Errorf("stop run %s: %w", run, err)
	}
	e.cfg.Logger.InfoContext(ctx, "run stop requested", slog.String("run_id", run.String()))
	return v.terminate()
}

// terminate tells the supervisor to stop the program. Where the supervisor is
// gone, nobody can wait out a grace: the program is killed.
func (v view) terminate() error {
	switch {
	case v.state != engine.StateRunning:
		return nil
	case v.supervisor.alive():
		err := syscall.Kill(v.supervisor.PID, syscall.SIGTERM)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal supervisor %d: %w", v.supervisor.PID, err)
		}
		return nil
	case v.program.alive():
		return signalGroup(v.program.PID, syscall.SIGKILL)
	}
	return nil
}

// adopt notes a child to reap. It is not waited for in a goroutine: it may live
// longer than this process.
func (e *Engine) adopt(p *os.Process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.children[p.Pid] = struct{}{}
	_ = p.Release()
}

// reap collects the supervisors that have ended.
func (e *Engine) reap() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for pid := range e.children {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if got == pid || errors.Is(err, syscall.ECHILD) {
			delete(e.children, pid)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// NodeBound says that the runs of this engine are known on its own node only.
func (*Engine) NodeBound() {}
