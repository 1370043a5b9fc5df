package effects

import (
	"context"
	"errors"
	"log/slog"
	"maps"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/tracing"
)

// envTrace is how a program is told the trace it is part of.
const envTrace = "TRACEPARENT"

// resume goes on with the trace of what asked for an effect. An effect whose
// trace cannot be looked up is made all the same.
func (r *Runner) resume(ctx context.Context, kind workflow.IntentKind, id uuid.UUID, name string) (context.Context, tracing.Span) {
	if !r.cfg.Tracer.On() {
		return ctx, tracing.Span{}
	}
	parent, err := r.cfg.Traces.Intent(ctx, kind, id)
	if err != nil {
		r.cfg.Logger.WarnContext(ctx, "effect goes on without its trace", slog.String("id", id.String()), slog.Any("error", err))
	}
	return r.cfg.Tracer.Continue(ctx, parent, name)
}

// endEffect ends the span of an effect; one that is somebody else's did not fail.
func endEffect(span tracing.Span, err error) {
	if errors.Is(err, errClaimed) {
		err = nil
	}
	span.End(err)
}

// withTrace adds the trace to the environment of a run that is traced.
func withTrace(env map[string]string, span tracing.Span, parent string) map[string]string {
	if !span.On() {
		return env
	}
	env = maps.Clone(env)
	env[envTrace] = parent
	return env
}
