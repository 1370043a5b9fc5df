package dispatch

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/tracing"
)

// endCommand says on the span of a command what became of it.
func endCommand(span tracing.Span, r *Request, result Result, outcome string, err error) {
	if span.On() {
		span.Touches(r.Stream)
		span.Stands(result.Position)
		span.Set(attribute.String("duolog.command", r.commandType()), attribute.String("duolog.outcome", outcome))
	}
	span.End(err)
}

// appends are the spans of the commands of a batch that append, by their index; nil
// where none of them is traced.
type appends map[int]tracing.Span

// traceAppends begins a span for each command that is traced, and puts its context
// into the record, that of the first where there are several: whatever follows from
// the commit, in this process or after its end, goes on with the trace.
func traceAppends(batch []*waiter, outcomes []decided) appends {
	var spans appends
	for i, w := range batch {
		in := outcomes[i].in
		if in == nil {
			continue
		}
		ctx, span := tracing.Start(w.ctx, "append")
		if !span.On() {
			continue
		}
		if spans == nil {
			spans = appends{}
		}
		spans[i] = span
		if in.traced {
			continue
		}
		in.traced = true
		commit := &in.packed.Commit
		commit.Headers = append(commit.Headers, journal.Header{Key: journal.TraceHeader, Value: []byte(tracing.Parent(ctx))})
	}
	return spans
}

// end says where the commits stand.
func (a appends) end(verdicts []verdict, err error) {
	for i, span := range a {
		if err == nil {
			span.Stands(verdicts[i].position)
			span.Set(attribute.Bool("duolog.accepted", verdicts[i].accepted))
		}
		span.End(err)
	}
}
