package tracing_test

import (
	"context"
	"errors"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/tracing"
)

const (
	kept    = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	dropped = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

func newTracer(t *testing.T) (tracing.Tracer, *tracetest.InMemoryExporter) {
	t.Helper()
	made := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(made))
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	return tracing.New(provider), made
}

// TestOffCostsNothing: speed is a promise, and most work is traced by nobody.
func TestOffCostsNothing(t *testing.T) {
	ctx, off := t.Context(), tracing.Tracer{}
	allocs := testing.AllocsPerRun(100, func() {
		ctx, a := off.Begin(ctx, kept, "a", trace.SpanKindServer)
		ctx, b := off.Continue(ctx, kept, "b")
		ctx, c := tracing.Start(ctx, "c")
		for _, s := range []tracing.Span{a, b, c} {
			s.Touches(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow})
			s.Stands(domain.Position{Offset: 1})
			s.End(nil)
		}
		if a.On() || b.On() || c.On() || tracing.Parent(ctx) != "" {
			t.Error("something is traced")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations without tracing", allocs)
	}
}

func TestATraceGoesOnBelowItsParent(t *testing.T) {
	t.Parallel()
	tracer, made := newTracer(t)
	ctx, edge := tracer.Begin(t.Context(), "", "edge", trace.SpanKindServer)
	_, inner := tracing.Start(ctx, "inner")
	_, later := tracer.Continue(t.Context(), tracing.Parent(ctx), "later")
	for _, s := range []tracing.Span{later, inner, edge} {
		s.End(nil)
	}
	got := made.GetSpans()
	if len(got) != 3 {
		t.Fatalf("%d spans", len(got))
	}
	root := got[2]
	for _, s := range got[:2] {
		if s.Parent.SpanID() != root.SpanContext.SpanID() || s.SpanContext.TraceID() != root.SpanContext.TraceID() {
			t.Errorf("%s is not below %s", s.Name, root.Name)
		}
	}
}

func TestWhatIsNotKeptIsNotContinued(t *testing.T) {
	t.Parallel()
	tracer, made := newTracer(t)
	for _, parent := range []string{"", dropped, "not a traceparent"} {
		ctx, span := tracer.Continue(t.Context(), parent, "later")
		_, inner := tracing.Start(ctx, "inner")
		inner.End(nil)
		span.End(nil)
	}
	ctx, span := tracer.Begin(t.Context(), dropped, "edge", trace.SpanKindServer)
	if got := tracing.Parent(ctx); got[:36] != dropped[:36] || got[53:] != "00" {
		t.Errorf("the edge of a trace that is not kept says %s", got)
	}
	span.End(nil)
	if n := len(made.GetSpans()); n != 0 {
		t.Errorf("%d spans are kept", n)
	}
}

func TestASpanKeepsTheCodeOfAnErrorAlone(t *testing.T) {
	t.Parallel()
	tracer, made := newTracer(t)
	for _, err := range []error{errors.New("hunter2"), &domain.Error{Code: domain.CodeConflict, Message: "hunter2"}} {
		_, span := tracer.Begin(t.Context(), kept, "edge", trace.SpanKindServer)
		span.End(err)
	}
	got := made.GetSpans()
	if got[0].Status.Description != "internal" || got[1].Status.Description != "" {
		t.Errorf("%v, %v", got[0].Status, got[1].Status)
	}
	for i, code := range []string{"internal", "conflict"} {
		if a := got[i].Attributes; len(a) != 1 || a[0].Value.AsString() != code {
			t.Errorf("%v", a)
		}
	}
}
