package relay

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/projections"
)

// publishing are the spans of the commits of a batch that have a trace.
type publishing map[uuid.UUID]published

type published struct {
	span   tracing.Span
	parent []byte
}

// trace begins a span for each commit that has a trace.
func (r *Relay) trace(ctx context.Context, commits []projections.Accepted) (publishing, error) {
	if !r.cfg.Tracer.On() {
		return nil, nil //nolint:nilnil // nothing is traced
	}
	ids := make([]uuid.UUID, len(commits))
	for i, c := range commits {
		ids[i] = c.Commit.ID
	}
	parents, err := r.cfg.Traces.Commits(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := publishing{}
	for _, c := range commits {
		below, span := r.cfg.Tracer.Continue(ctx, parents[c.Commit.ID], "relay", trace.WithSpanKind(trace.SpanKindProducer))
		if !span.On() {
			continue
		}
		span.Touches(c.Commit.Stream)
		span.Stands(c.Position)
		out[c.Commit.ID] = published{span, []byte(tracing.Parent(below))}
	}
	return out, nil
}

// carry puts the context of the commit's span into the message of an event.
func (p publishing) carry(c projections.Accepted, m journal.Message) journal.Message {
	if of, traced := p[c.Commit.ID]; traced {
		m.Headers = append(m.Headers, journal.Header{Key: tracing.Header, Value: of.parent})
	}
	return m
}

func (p publishing) end(err error) {
	for _, of := range p {
		of.span.End(err)
	}
}
