package telemetry

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers scrapes. Where read is nil, or does not answer within a second,
// the other metrics are answered without the figures.
func (m *Metrics) Handler(read FigureReader, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gatherers := prometheus.Gatherers{m.registry}
		if read != nil {
			gatherers = append(gatherers, readFigures(r.Context(), read, logger))
		}
		promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}
