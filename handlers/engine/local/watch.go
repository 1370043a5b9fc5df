package local

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/engine"
)

// maxBackoff is the number of looks between two tries of a report that fails.
const maxBackoff = 64

// pending is a run whose outcome nobody has taken yet.
type pending struct {
	// wait is how many looks to let pass, backoff how many the next failure costs.
	wait, backoff int
}

func (e *Engine) watch(run uuid.UUID) {
	if e.dir(run).has(fileReported) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watched[run] == nil {
		e.watched[run] = &pending{}
	}
}

// Run watches every run of Dir whose outcome has not been taken, those of an
// earlier process included, and reports each outcome until report returns nil.
// It blocks until ctx ends, which is no error; the programs go on.
func (e *Engine) Run(ctx context.Context, report func(context.Context, engine.Finished) error) error {
	if err := e.scan(); err != nil {
		return err
	}
	tick := time.NewTicker(e.cfg.Poll)
	defer tick.Stop()
	for {
		e.runOnce(ctx, report)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scan finds the runs an earlier process left.
func (e *Engine) scan() error {
	entries, err := os.ReadDir(e.runsDir())
	if err != nil {
		return fmt.Errorf("local engine: scan runs: %w", err)
	}
	for _, entry := range entries {
		if run, err := uuid.Parse(entry.Name()); err == nil && entry.IsDir() {
			e.watch(run)
		}
	}
	return nil
}

// runOnce looks at each watched run once. One that cannot be read or reported
// is tried again later and keeps no other from its turn.
func (e *Engine) runOnce(ctx context.Context, report func(context.Context, engine.Finished) error) {
	e.reap()
	for run, p := range e.due() {
		if ctx.Err() != nil {
			return
		}
		done, err := e.settle(ctx, run, report)
		switch {
		case err != nil && ctx.Err() == nil:
			p.backoff = min(max(1, p.backoff*2), maxBackoff)
			p.wait = p.backoff
			e.cfg.Logger.WarnContext(ctx, "run outcome not taken yet",
				slog.String("run_id", run.String()), slog.Any("error", err))
		case done:
			e.forget(run)
		}
	}
}

// due is a copy of the runs whose turn it is. Only Run's goroutine touches what
// a pending holds.
func (e *Engine) due() map[uuid.UUID]*pending {
	e.mu.Lock()
	defer e.mu.Unlock()
	due := map[uuid.UUID]*pending{}
	for run, p := range e.watched {
		if p.wait > 0 {
			p.wait--
			continue
		}
		due[run] = p
	}
	return due
}

func (e *Engine) forget(run uuid.UUID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.watched, run)
}

// settle reports the run if it is over and notes that it was taken. A crash
// after the report and before the note reports it again.
func (e *Engine) settle(ctx context.Context, run uuid.UUID, report func(context.Context, engine.Finished) error) (bool, error) {
	d := e.dir(run)
	v, err := d.look()
	if err != nil {
		return false, err
	}
	switch v.state {
	case engine.StateUnknown:
		return false, nil
	case engine.StateRunning:
		return false, d.enforceStop(v)
	case engine.StateFinished:
	}
	f, err := d.finished(v)
	if err != nil {
		return false, err
	}
	if err := report(ctx, f); err != nil {
		return false, fmt.Errorf("report run %s: %w", run, err)
	}
	if err := d.touch(fileReported); err != nil {
		return false, err
	}
	e.cfg.Logger.InfoContext(ctx, "run ended", slog.String("run_id", run.String()),
		slog.String("status", f.Status), slog.String("reason", f.Reason))
	return true, nil
}

// enforceStop asks again for a stop that was asked for: a Stop may have crashed
// before its signal, or a supervisor during the grace. Asking twice is harmless.
func (d runDir) enforceStop(v view) error {
	if !d.has(fileStop) {
		return nil
	}
	return v.terminate()
}
