package effects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/intents"
)

const (
	// callTimeout bounds one call of an engine or a surface.
	callTimeout = 30 * time.Second
	// commandTimeout bounds the wait for one verdict.
	commandTimeout = 25 * time.Second
	// outcomeTimeout bounds the tries to record an outcome: without it the
	// attempt stays unknown.
	outcomeTimeout = time.Minute
)

// What acts, as commits name it.
const (
	systemEngine   = "engine"
	systemCallback = "callback"
)

// errLeft says that only a person can go on.
var errLeft = errors.New("it is unknown whether the delivery was made, and its surface cannot be asked: it is repeated only by hand")

// errClaimed says that the effect is somebody else's, or done.
var errClaimed = errors.New("the effect is not ours to make")

// job is one effect with what is known of its workflow.
type job struct {
	stream domain.StreamID
	number int64
	state  workflow.State
	intent workflow.Intent
}

// do makes one effect and notes how that went.
func (r *Runner) do(ctx context.Context, in intents.Intent) {
	ctx, work := about.Begin(ctx, "")
	work.Touches(in.Stream)
	ctx, span := r.resume(ctx, in.Kind, in.ID, "effect "+string(in.Kind))
	span.Touches(in.Stream)
	err := r.effect(ctx, in)
	endEffect(span, err)
	r.cfg.Observe(string(in.Kind), outcomeOf(err))
	attrs := []any{
		slog.String("stream", in.Stream.String()), slog.String("kind", string(in.Kind)),
		slog.String("id", in.ID.String()), slog.String("destination", in.Lane), slog.Any("error", err),
	}
	switch {
	case err == nil, errors.Is(err, errClaimed):
		r.succeeded(keyOf(in))
	case errors.Is(err, errLeft):
		r.left(keyOf(in))
		r.cfg.Logger.ErrorContext(ctx, "effect left to a person", attrs...)
	default:
		r.failed(keyOf(in))
		r.cfg.Logger.WarnContext(ctx, "effect not done yet", attrs...)
	}
}

// outcomeOf is what became of an effect, for those who count.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, errClaimed):
		return "claimed"
	case errors.Is(err, errLeft):
		return "left"
	}
	return "failed"
}

// effect reads where the workflow stands and makes what it owes. A row that is
// behind the state is dropped: the next look sees a newer one.
func (r *Runner) effect(ctx context.Context, in intents.Intent) error {
	snap, err := r.cfg.States.Load(ctx, in.Stream, projections.SnapshotWant{})
	if err != nil {
		return err
	}
	j := &job{stream: in.Stream, number: snap.Number, state: snap.Workflow}
	for _, owed := range snap.Workflow.Intents() {
		if owed.Kind == in.Kind && owed.ID == in.ID && owed.Attempt.Count == in.Attempt && owed.Attempt.Open == in.Open {
			j.intent = owed
		}
	}
	switch j.intent.Kind {
	case workflow.IntentRun:
		return r.run(ctx, j)
	case workflow.IntentStop:
		return r.stop(ctx, j)
	case workflow.IntentDeliver:
		return r.deliver(ctx, j)
	}
	return nil
}

// principal is who the workflow acts for, and what acts.
func (j *job) principal(system string) domain.Principal {
	p := domain.Principal{System: system}
	if j.state.Created != nil {
		p.User, p.ServiceAccount = j.state.Created.Principal.User, j.state.Created.Principal.ServiceAccount
	}
	return p
}

// run is the run of the workflow as its engine is asked of it.
func (j *job) run() engine.Run {
	run := j.state.Run
	out := engine.Run{
		Tenant: j.stream.Tenant, Workflow: j.stream.ID, ID: run.ID, Epoch: run.Epoch, Workload: run.Workload,
		ServiceAccount: j.state.Created.Principal.ServiceAccount,
	}
	if p := j.state.Created.Project; p != nil {
		out.Project = p.Path
	}
	return out
}

// commandID is the id of the nth command of that name for an effect: a repeat,
// whoever makes it, is the same command.
func commandID(effect uuid.UUID, name string, n int) uuid.UUID {
	return uuid.NewSHA1(effect, fmt.Appendf(nil, "%s/%d", name, n))
}

// once sends a command once.
func (r *Runner) once(ctx context.Context, j *job, system string, id uuid.UUID, c workflow.Command) (dispatch.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return r.cfg.Dispatch.Do(ctx, dispatch.Request{Stream: j.stream, Workflow: c, CommandID: id, Principal: j.principal(system)})
}

// claim makes an attempt and says whether the effect may be called: the log
// shows the attempt as this instance's. The answer to the command alone would
// not do, because a repeat of another instance's command is answered as well.
//
// A crash before the append costs nothing; after it, the attempt is open.
func (r *Runner) claim(ctx context.Context, j *job, system, name string, c workflow.Command) error {
	n := j.intent.Attempt.Count + 1
	r.cfg.Point("effects.before_attempt")
	result, err := r.once(ctx, j, system, commandID(j.intent.ID, name, n), c)
	if domain.CodeOf(err) == domain.CodeConflict {
		return errClaimed
	}
	if err != nil {
		return fmt.Errorf("claim %s %s: %w", j.intent.Kind, j.intent.ID, err)
	}
	for _, owed := range result.Workflow.Intents() {
		if owed.Kind == j.intent.Kind && owed.ID == j.intent.ID &&
			owed.Attempt.Count == n && owed.Attempt.Open && owed.Attempt.By == r.cfg.Instance {
			r.cfg.Point("effects.after_attempt")
			return nil
		}
	}
	return errClaimed
}

// settle records an outcome, and tries for a while: until it stands in the log,
// nobody knows how the attempt ended.
func (r *Runner) settle(ctx context.Context, j *job, system string, id uuid.UUID, c workflow.Command) (dispatch.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, outcomeTimeout)
	defer cancel()
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		result, err := r.once(ctx, j, system, id, c)
		if err == nil {
			r.cfg.Point("effects.after_outcome")
			return result, nil
		}
		if !stored.Later(err) || !wait.For(ctx, delay) {
			return result, fmt.Errorf("record the outcome of %s %s: %w", j.intent.Kind, j.intent.ID, err)
		}
	}
}
