package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/handlers/about"
)

// contextual adds to each record what its context is about: request_id, tenant,
// workflow or conversation, position, trace_id. Where the line has an attribute
// of that name already, that one says more.
type contextual struct{ slog.Handler }

// NewContextual wraps a handler.
func NewContextual(h slog.Handler) slog.Handler { return contextual{h} }

// Handle writes a record with what is known.
func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	known := about.Of(ctx).Attrs()
	if trace := trace.SpanContextFromContext(ctx); trace.IsSampled() {
		known = append(known, slog.String("trace_id", trace.TraceID().String()))
	}
	if len(known) == 0 {
		return h.Handler.Handle(ctx, r)
	}
	named := map[string]bool{}
	r.Attrs(func(a slog.Attr) bool { named[a.Key] = true; return true })
	r = r.Clone()
	for _, a := range known {
		if !named[a.Key] {
			r.AddAttrs(a)
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps adding.
func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps adding, to the group.
func (h contextual) WithGroup(name string) slog.Handler {
	return contextual{h.Handler.WithGroup(name)}
}
