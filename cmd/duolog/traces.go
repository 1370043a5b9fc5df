package main

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/telemetry"
	"github.com/duolog/duolog/projections"
)

// envCollector is how OpenTelemetry names its collector, for every program.
const envCollector = "OTEL_EXPORTER_OTLP_ENDPOINT"

// newTraces is where spans go; nil without a collector.
func newTraces(ctx context.Context, cfg config.Config, logger *slog.Logger) (*telemetry.Traces, error) {
	if cfg.OTLPEndpoint == "" {
		return nil, nil //nolint:nilnil // nothing is traced
	}
	return telemetry.NewTraces(ctx, telemetry.TraceConfig{Endpoint: cfg.OTLPEndpoint, Node: cfg.NodeID, Build: build(), Logger: logger})
}

func (n *node) tracer() tracing.Tracer {
	if n.cfg.traces == nil {
		return tracing.Tracer{}
	}
	return tracing.New(n.cfg.traces)
}

// traced is told of each commit of a batch that has a trace; nil where nothing
// is traced. The span is as long as the batch: commits are admitted together.
func (n *node) traced() func(projections.Traced) {
	tracer := n.tracer()
	if !tracer.On() {
		return nil
	}
	return func(t projections.Traced) {
		_, span := tracer.Continue(context.Background(), t.Parent, "admit", trace.WithTimestamp(t.Began))
		span.Touches(t.Stream)
		span.Stands(t.Position)
		span.Set(attribute.String("duolog.command", t.Command), attribute.String("duolog.ignored", string(t.Reason)))
		span.End(nil, trace.WithTimestamp(t.Ended))
	}
}
