// Package tracing is the one way this code makes spans.
//
// A trace begins at an edge: a request, a command of the inbox. From there its
// context goes along: in the context of a call, and as a W3C traceparent in the
// messages of both topics, in the record of the journal, and in what is derived
// from it. So it outlives the process, and whoever takes the work up goes on
// with the trace. Work that nobody traces costs one look into its context.
//
// Spans name tenant, stream, position and types, and errors by their code. They
// never hold what people or agents wrote.
package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
)

// Header is the W3C name of the trace context: of HTTP and of messages.
const Header = "traceparent"

const scope = "github.com/duolog/duolog"

// Tracer makes the spans that have no parent in this process. The zero value
// makes none.
type Tracer struct{ tracer trace.Tracer }

// New makes a Tracer.
func New(p trace.TracerProvider) Tracer { return Tracer{p.Tracer(scope)} }

// On says whether there is anything to trace at all.
func (t Tracer) On() bool { return t.tracer != nil }

// Begin begins a span at an edge: below parent, which is a traceparent, or a new
// trace where that names none.
func (t Tracer) Begin(ctx context.Context, parent, name string, kind trace.SpanKind) (context.Context, Span) {
	if t.tracer == nil {
		return ctx, Span{}
	}
	return started(t.tracer.Start(below(ctx, parent), name, trace.WithSpanKind(kind)))
}

// Continue begins a span below parent where that names a trace that is kept;
// otherwise there is none: what goes on with untraced work begins no trace.
func (t Tracer) Continue(ctx context.Context, parent, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	if t.tracer == nil || parent == "" {
		return ctx, Span{}
	}
	from := below(ctx, parent)
	if !trace.SpanContextFromContext(from).IsSampled() {
		return ctx, Span{}
	}
	return started(t.tracer.Start(from, name, options...))
}

// Start begins a span below the one of the context, if that has one.
func Start(ctx context.Context, name string) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	return started(parent.TracerProvider().Tracer(scope).Start(ctx, name))
}

// Parent is the traceparent of the context's span, empty without one.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[Header]
}

func below(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{Header: parent})
}

func started(ctx context.Context, span trace.Span) (context.Context, Span) {
	return ctx, Span{span}
}

// Span is one step of a trace. The zero value is that of work nobody traces.
type Span struct{ span trace.Span }

// On says whether the span is kept. Ask before making attributes.
func (s Span) On() bool { return s.span != nil && s.span.IsRecording() }

// Set adds attributes.
func (s Span) Set(attributes ...attribute.KeyValue) {
	if s.On() {
		s.span.SetAttributes(attributes...)
	}
}

// Touches names the stream.
func (s Span) Touches(id domain.StreamID) {
	if s.On() && id.Kind != "" {
		s.span.SetAttributes(attribute.String("duolog.tenant", string(id.Tenant)), attribute.String("duolog."+string(id.Kind), id.ID.String()))
	}
}

// Stands names where a commit stands.
func (s Span) Stands(at domain.Position) {
	if s.On() && at != (domain.Position{}) {
		s.span.SetAttributes(attribute.String("duolog.position", at.String()))
	}
}

// End ends the span. Of an error it keeps the code alone; a refusal is no error
// of this server.
func (s Span) End(err error, options ...trace.SpanEndOption) {
	if s.span == nil {
		return
	}
	if err != nil && s.On() {
		code := domain.CodeOf(err)
		s.span.SetAttributes(attribute.String("duolog.code", string(code)))
		switch code {
		case domain.CodeInternal, domain.CodeNotNow, domain.CodeLogUnsafe, domain.CodeStreamStopped:
			s.span.SetStatus(codes.Error, string(code))
		}
	}
	s.span.End(options...)
}
