package effects

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/tracing"
)

// stop asks the engine to end a run. The outcome is the workload's end, which
// the engine reports; where the engine knows nothing of the run, it is recorded
// here, because nobody else will.
func (r *Runner) stop(ctx context.Context, j *job) error {
	run := *j.state.Run
	e, ok := r.cfg.Engines[run.Engine]
	if !ok {
		return r.finish(ctx, j, workflow.WorkloadStopped, reasonUnknownEngine, fmt.Sprintf("no engine %q is configured", run.Engine))
	}
	attempt := &workflow.AttemptStop{Run: run.ID, By: r.cfg.Instance, Attempt: run.Stop.Attempt.Count + 1}
	if err := r.claim(ctx, j, systemEngine, "attempt_stop", attempt); err != nil {
		return err
	}
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stopCtx, span := tracing.Start(callCtx, "stop run on "+run.Engine)
	err := e.Stop(stopCtx, j.run())
	span.End(err)
	if err != nil {
		return fmt.Errorf("stop run %s at engine %s: %w", run.ID, run.Engine, err)
	}
	r.cfg.Point("effects.after_call")
	state, _, err := e.Lookup(callCtx, j.run())
	if err != nil {
		return fmt.Errorf("look up run %s at engine %s: %w", run.ID, run.Engine, err)
	}
	if state == engine.StateUnknown {
		return r.finish(ctx, j, workflow.WorkloadStopped, engine.ReasonStopped, "")
	}
	return nil
}
