package api

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/tracing"
)

// begin begins what is said of a request: its log line, and its span, which goes
// on with the trace of a client that sent one. done ends the span.
func (s *Server) begin(r *http.Request, pattern string) (_ context.Context, done func(status int, err error)) {
	ctx, work := about.Begin(r.Context(), r.Header.Get(requestIDHeader))
	if !s.cfg.Tracer.On() || unremarkable(pattern) {
		return ctx, func(int, error) {}
	}
	ctx, span := s.cfg.Tracer.Begin(ctx, r.Header.Get(tracing.Header), pattern, trace.SpanKindServer)
	return ctx, func(status int, err error) {
		stream, _ := work.Stream()
		span.Touches(stream)
		span.Set(attribute.Int("http.response.status_code", status), attribute.String("duolog.request_id", r.Header.Get(requestIDHeader)))
		if status < http.StatusInternalServerError {
			err = nil // a refusal is an answer
		}
		span.End(err)
	}
}

// unremarkable says whether requests of a pattern are those of machines that ask
// whether this one lives.
func unremarkable(pattern string) bool {
	return strings.HasSuffix(pattern, "/healthz") || strings.HasSuffix(pattern, "/readyz")
}

// do carries out a command of a call and notes what it touched.
func (s *Server) do(c *call, r dispatch.Request) (dispatch.Result, error) {
	work := about.Of(c.Context())
	work.Touches(r.Stream)
	result, err := s.cfg.Dispatch.Do(c.Context(), r)
	work.Stands(result.Position)
	return result, err
}
