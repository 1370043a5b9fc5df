package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/duolog/duolog/domain"
)

// TraceConfig says where traces go.
type TraceConfig struct {
	// Endpoint is the base URL of a collector that speaks OTLP over HTTP. Empty
	// is no tracing.
	Endpoint string
	// Node and Build name this process on each span.
	Node, Build string
	Logger      *slog.Logger
}

// Traces makes spans and sends them away in batches. What cannot be sent is
// dropped and complained of: no work waits for a collector.
type Traces struct {
	*sdktrace.TracerProvider
}

// closeTraces bounds how long the last spans may take to be sent.
const closeTraces = 3 * time.Second

// NewTraces connects to nothing yet. The environment of OpenTelemetry counts
// too: OTEL_TRACES_SAMPLER for how many traces are kept, OTEL_EXPORTER_OTLP_HEADERS
// for what the collector wants to see.
func NewTraces(ctx context.Context, cfg TraceConfig) (*Traces, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" {
		return nil, domain.InvalidField("otlp_endpoint", fmt.Sprintf("%q is not the address of a collector", cfg.Endpoint), "write it like http://collector:4318")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("prepare the export of traces: %w", err)
	}
	return newTraces(loud{exporter, cfg.Logger}, cfg), nil
}

func newTraces(exporter sdktrace.SpanExporter, cfg TraceConfig) *Traces {
	about := resource.NewSchemaless(
		attribute.String("service.name", "duolog"), attribute.String("service.version", cfg.Build), attribute.String("service.instance.id", cfg.Node),
	)
	return &Traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}
}

// Close sends what is left, within its time. A nil Traces has nothing.
func (t *Traces) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeTraces)
	defer cancel()
	_ = t.Shutdown(ctx) // its exporter has complained
}

// loud is an exporter whose failures are logged here, not by OpenTelemetry's own
// logger of the whole process.
type loud struct {
	sdktrace.SpanExporter

	logger *slog.Logger
}

// ExportSpans drops what cannot be sent.
func (l loud) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.logger.WarnContext(ctx, "traces are not exported", slog.Int("spans", len(spans)), slog.Any("error", err))
	}
	return nil
}
