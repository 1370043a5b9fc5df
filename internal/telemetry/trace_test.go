package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/telemetry"
)

// TestACollectorThatRefusesIsComplainedOf, and keeps nobody from closing.
func TestACollectorThatRefusesIsComplainedOf(t *testing.T) {
	t.Parallel()
	logger, out := newLogger(t, telemetry.LogConfig{Format: "json"})
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer collector.Close()
	traces, err := telemetry.NewTraces(t.Context(), telemetry.TraceConfig{Endpoint: collector.URL, Node: "n", Build: "b", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Tracer("test").Start(t.Context(), "span")
	span.End()
	traces.Close(context.WithoutCancel(t.Context()))
	if !strings.Contains(out.String(), "traces are not exported") || !strings.Contains(out.String(), "403") {
		t.Errorf("the log says %q", out)
	}
}

func TestAnEndpointIsAURL(t *testing.T) {
	t.Parallel()
	_, err := telemetry.NewTraces(t.Context(), telemetry.TraceConfig{Endpoint: "collector:4318"})
	if e, ok := errors.AsType[*domain.Error](err); !ok || e.Field != "otlp_endpoint" {
		t.Errorf("%v", err)
	}
	var none *telemetry.Traces
	none.Close(t.Context())
}
