package effects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/tracing"
)

// maxRunAttempts bounds how often a run is tried that its engine knows nothing
// of: somebody has to say that it did not start.
const maxRunAttempts = 10

// reasonUnknownEngine is why a run ended that no engine here takes.
const reasonUnknownEngine = "unknown_engine"

// run starts the workload of a run, or finds that it was started.
func (r *Runner) run(ctx context.Context, j *job) error {
	decided, err := r.place(j)
	if err != nil {
		return r.finish(ctx, j, workflow.WorkloadFailed, reasonUnknownEngine, said(err))
	}
	run := *j.state.Run
	e, ok := r.cfg.Engines[run.Engine]
	if !ok {
		return r.finish(ctx, j, workflow.WorkloadFailed, reasonUnknownEngine, fmt.Sprintf("no engine %q is configured", run.Engine))
	}
	if run.Attempt.Open {
		done, err := r.resolveRun(ctx, j, e)
		if done || err != nil {
			return err
		}
	}
	start, err := r.startOf(ctx, j)
	if err != nil {
		return err
	}
	if err := start.Validate(); err != nil {
		return r.finish(ctx, j, workflow.WorkloadFailed, engine.ReasonStartFailed, err.Error())
	}
	if planted.Bug("attempt_after_call") {
		if _, err := e.Start(ctx, start); err != nil {
			return err
		}
		r.cfg.Point("effects.after_call")
	}
	attempt := &workflow.AttemptRun{Run: run.ID, By: r.cfg.Instance, Attempt: run.Attempt.Count + 1, Placement: decided}
	if err := r.claim(ctx, j, systemEngine, "attempt_run", attempt); err != nil {
		return err
	}
	return r.call(ctx, j, e, start)
}

// resolveRun finds out what became of an open attempt. Where the engine knows
// nothing of the run, it may be tried again.
func (r *Runner) resolveRun(ctx context.Context, j *job, e Engine) (done bool, err error) {
	run := *j.state.Run
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	state, w, err := e.Lookup(ctx, j.run())
	switch {
	case err != nil:
		return true, fmt.Errorf("look up run %s at engine %s: %w", run.ID, run.Engine, err)
	case state != engine.StateUnknown:
		return true, r.confirm(ctx, j, w)
	case run.Stop != nil:
		return true, r.finish(ctx, j, workflow.WorkloadStopped, engine.ReasonStopped, "")
	case run.Attempt.Count >= maxRunAttempts:
		return true, r.finish(ctx, j, workflow.WorkloadFailed, engine.ReasonStartFailed,
			fmt.Sprintf("engine %s did not start the run in %d attempts", run.Engine, run.Attempt.Count))
	}
	return false, nil
}

// call starts the workload. An error that is no refusal says nothing: the
// attempt stays open and is looked up.
func (r *Runner) call(ctx context.Context, j *job, e Engine, start engine.Start) error {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	callCtx, span := tracing.Start(callCtx, "start run on "+j.state.Run.Engine)
	start.Env = withTrace(start.Env, span, tracing.Parent(callCtx))
	w, err := e.Start(callCtx, start)
	span.End(err)
	r.cfg.Point("effects.after_call")
	if _, refused := errors.AsType[*domain.Error](err); refused {
		return r.finish(ctx, j, workflow.WorkloadFailed, reasonOf(err), said(err))
	}
	if err != nil {
		return fmt.Errorf("start run %s on engine %s: %w", start.RunID, j.state.Run.Engine, err)
	}
	return r.confirm(ctx, j, w)
}

// reasonOf is why a run ends that its engine refused to start.
func reasonOf(err error) string {
	if own, ok := errors.AsType[*engine.RefusedError](err); ok {
		return own.Reason
	}
	return engine.ReasonStartFailed
}

// said is what people read of an error: what is wrong, and what to do.
func said(err error) string {
	refusal, refused := errors.AsType[*domain.Error](err)
	switch {
	case !refused:
		return err.Error()
	case refusal.Fix == "":
		return refusal.Message
	}
	return refusal.Message + "; " + refusal.Fix
}

// confirm records that the run was started, and by which workload.
func (r *Runner) confirm(ctx context.Context, j *job, w engine.Workload) error {
	run := *j.state.Run
	result, err := r.settle(ctx, j, systemEngine, commandID(run.ID, "confirm_run", 0), &workflow.ConfirmRun{Run: run.ID, Workload: w.ID})
	if err != nil {
		return err
	}
	if result.Changed && run.Kind == workflow.RunStart {
		r.tellStarted(ctx, j)
	}
	return nil
}

// tellStarted tells the surface, once at most: it is a courtesy, not a delivery.
func (r *Runner) tellStarted(ctx context.Context, j *job) {
	flow, name, err := r.flowOf(ctx, j)
	if err == nil && name != "" {
		if hook, ok := r.cfg.Adapters[name].(adapter.FlowStarted); ok {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			err = hook.OnFlowStarted(ctx, flow)
		}
	}
	if err != nil {
		r.cfg.Logger.WarnContext(ctx, "surface not told of the start", slog.String("stream", j.stream.String()), slog.Any("error", err))
	}
}

// finish records the end of a run that no engine will report.
func (r *Runner) finish(ctx context.Context, j *job, status workflow.WorkloadStatus, reason, why string) error {
	run := *j.state.Run
	_, err := r.settle(ctx, j, systemEngine, finishedID(run.ID), &workflow.FinishWorkload{
		Run: run.ID, Epoch: run.Epoch, WorkloadID: run.Workload, Status: status, Reason: reason, Log: why,
	})
	return err
}

// startOf is what the engine is given.
func (r *Runner) startOf(ctx context.Context, j *job) (engine.Start, error) {
	run := *j.state.Run
	env, err := r.environment(ctx, j)
	if err != nil {
		return engine.Start{}, err
	}
	asked := j.run()
	return engine.Start{
		Tenant: j.stream.Tenant, Workflow: j.stream.ID, Number: j.number,
		RunID: run.ID, Epoch: run.Epoch, Mode: string(run.Kind), Env: env,
		User: j.state.Created.Principal.User, ServiceAccount: asked.ServiceAccount,
		Project: asked.Project, Image: j.state.Created.Image,
	}, nil
}

// environment reads what the run's environment is made of.
func (r *Runner) environment(ctx context.Context, j *job) (map[string]string, error) {
	created, run := *j.state.Created, *j.state.Run
	what := &created.Goal
	if run.Input != nil {
		what = run.Input
	}
	goal, err := stored.Bytes(ctx, r.cfg.States, j.stream, what)
	if err != nil {
		return nil, err
	}
	additional, err := stored.Bytes(ctx, r.cfg.States, j.stream, created.AdditionalContext)
	if err != nil {
		return nil, err
	}
	config, err := stored.Bytes(ctx, r.cfg.States, j.stream, j.state.FlowConfig)
	if err != nil {
		return nil, err
	}
	model, err := r.model(ctx, j)
	if err != nil {
		return nil, err
	}
	surroundings := Surroundings{
		Created: created, Workflow: j.stream.ID, Number: j.number, Goal: string(goal), AdditionalContext: string(additional),
		FlowConfig: string(config), Model: model, URL: r.cfg.URL, BasePath: r.cfg.BasePath,
	}
	if a := run.Approval; a != nil {
		said, err := stored.Bytes(ctx, r.cfg.States, j.stream, a.Message)
		if err != nil {
			return nil, err
		}
		surroundings.Approval, surroundings.Said = &a.Approved, string(said)
	}
	surroundings.Token, err = r.cfg.Tokens.Mint(ctx, Token{
		Tenant: j.stream.Tenant, Workflow: j.stream.ID, Run: run.ID, Epoch: run.Epoch,
		User: created.Principal.User, ServiceAccount: created.Principal.ServiceAccount, Engine: run.Engine,
	})
	if err != nil {
		return nil, fmt.Errorf("make the token of run %s: %w", run.ID, err)
	}
	return Environment(surroundings), nil
}
