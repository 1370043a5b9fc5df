package effects

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/projections"
)

// maxRestarts bounds how often in a row a lost run is started again.
const maxRestarts = 3

// finishedID is the id of the command that ends a run: there is one end.
func finishedID(run uuid.UUID) uuid.UUID { return uuid.NewSHA1(run, []byte("finished")) }

// restartID is the id of the command that starts a workflow again after the run
// of an epoch was lost. It derives from the epoch, so that whether earlier runs
// were restarted can be asked of the log.
func restartID(workflow uuid.UUID, epoch int) uuid.UUID {
	return uuid.NewSHA1(workflow, fmt.Appendf(nil, "restart/%d", epoch))
}

// ReportFinished records how a run ended. It is what an engine reports to: an
// error means that it shall report again. A run that is unknown here, or ended
// already, is no error.
//
// A crash in here, wherever it is, is made good by the engine's next report.
func (r *Runner) ReportFinished(ctx context.Context, f engine.Finished) (err error) {
	j := &job{stream: domain.StreamID{Tenant: f.Tenant, Kind: domain.KindWorkflow, ID: f.Workflow}}
	snap, err := r.cfg.States.Load(ctx, j.stream, projections.SnapshotWant{})
	if err != nil {
		return err
	}
	j.state = snap.Workflow
	ctx, span := r.resume(ctx, workflow.IntentRun, f.RunID, "run finished")
	defer func() { span.End(err) }()
	span.Touches(j.stream)
	_, err = r.once(ctx, j, systemEngine, finishedID(f.RunID), &workflow.FinishWorkload{
		Run: f.RunID, Epoch: f.Epoch, WorkloadID: f.WorkloadID, Status: workflow.WorkloadStatus(f.Status),
		Reason: f.Reason, ExitCode: f.ExitCode, Log: f.LogTail, Compute: used(f),
	})
	if err := r.accept(ctx, j, f, err); err != nil {
		return err
	}
	return r.restart(ctx, j, f)
}

// used is what the run used, nil where its engine does not say.
func used(f engine.Finished) *workflow.Compute {
	if f.Used == (workflow.Compute{}) {
		return nil
	}
	return &f.Used
}

// accept says which failures an engine shall not report again: refusals, which
// would only be refused again.
func (r *Runner) accept(ctx context.Context, j *job, f engine.Finished, err error) error {
	switch {
	case err == nil:
		return nil
	case stored.Later(err) || domain.CodeOf(err) == domain.CodeStreamStopped || domain.CodeOf(err) == domain.CodeInternal:
		return fmt.Errorf("record the end of run %s: %w", f.RunID, err)
	}
	r.cfg.Logger.WarnContext(ctx, "end of a run not recorded",
		slog.String("stream", j.stream.String()), slog.String("run_id", f.RunID.String()), slog.Any("error", err))
	return nil
}

// restart asks for another run where a lost one shall be made good, or where another
// engine can take one that no runner took.
func (r *Runner) restart(ctx context.Context, j *job, f engine.Finished) error {
	again, err := r.Restarts(ctx, j.stream, f.Epoch, f.Reason)
	if err != nil || !again {
		return err
	}
	command := &workflow.RequestRun{Kind: workflow.RunRetry, Reason: "the run before it was lost"}
	if f.Reason == engine.ReasonNoRunner {
		// It never began, so it begins as the one before it would have.
		command.Kind = ""
		if d, ok := r.fallback(j.stream.Tenant, j.state); ok {
			command.Engine, command.Reason, command.Placement = d.Engine, d.Reason, &d
		}
	}
	_, err = r.once(ctx, j, systemEngine, restartID(j.stream.ID, f.Epoch), command)
	return r.accept(ctx, j, f, err)
}

// fallback is the engine that takes the run after the one that has it in vain.
func (r *Runner) fallback(tenant domain.Tenant, s workflow.State) (placement.Decision, bool) {
	if r.cfg.Place == nil || s.Run == nil {
		return placement.Decision{}, false
	}
	d, err := r.cfg.Place(tenant, s.Created, "", []string{s.Created.Engine, s.Run.Engine})
	return d, err == nil
}

// Restarts says whether the run of an epoch, which ended for that reason, is
// made good by another one: then its end is no end for the workflow, and no
// answer. Whoever asks gets the same answer, before and after the restart.
func (r *Runner) Restarts(ctx context.Context, id domain.StreamID, epoch int, reason string) (bool, error) {
	lost := reason == engine.ReasonLost && r.cfg.OnLost == OnLostRestart
	if !lost && (reason != engine.ReasonNoRunner || r.cfg.Place == nil) {
		return false, nil
	}
	var before []uuid.UUID
	for i := range maxRestarts {
		before = append(before, restartID(id.ID, epoch-1-i))
	}
	this := restartID(id.ID, epoch)
	snap, err := r.cfg.States.Load(ctx, id, projections.SnapshotWant{Commands: append(before, this)})
	if err != nil {
		return false, err
	}
	if _, done := snap.Done[this]; done {
		return true, nil
	}
	inARow := 0
	for _, command := range before {
		if _, done := snap.Done[command]; done {
			inARow++
		}
	}
	s := snap.Workflow
	alive := s.Status == workflow.StatusCreated || s.Status == workflow.StatusRunning
	if _, ok := r.fallback(id.Tenant, s); !lost && !ok {
		return false, nil
	}
	return alive && s.Epoch == epoch && inARow < maxRestarts, nil
}
