package telemetry_test

import (
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/internal/telemetry"
)

// TestALineSaysWhatItsContextIsAbout in this order: what is noted later shows on
// the lines after it.
func TestALineSaysWhatItsContextIsAbout(t *testing.T) {
	t.Parallel()
	logger, out := newLogger(t, telemetry.LogConfig{Format: "json"})
	id := uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d")
	line := func(tell func()) map[string]any {
		t.Helper()
		out.Reset()
		tell()
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		for _, usual := range []string{"time", "level", "msg"} {
			delete(got, usual)
		}
		return got
	}
	ctx, work := about.Begin(t.Context(), "r-1")
	want := map[string]any{"request_id": "r-1"}
	check := func(got map[string]any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	check(line(func() { logger.InfoContext(ctx, "begun") }))
	work.Touches(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: id})
	work.Stands(domain.Position{Partition: 3, Offset: 1042})
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled}))
	want = map[string]any{
		"request_id": "r-1", "tenant": "acme", "workflow": id.String(), "position": "3:1042", "trace_id": "01000000000000000000000000000000", "a": "b",
	}
	check(line(func() { logger.With(slog.String("a", "b")).InfoContext(ctx, "done") }))
	want["position"] = "3:9"
	check(line(func() { logger.InfoContext(ctx, "done", slog.String("a", "b"), slog.String("position", "3:9")) }))
	want = map[string]any{}
	check(line(func() { logger.InfoContext(t.Context(), "about nothing") }))
}
