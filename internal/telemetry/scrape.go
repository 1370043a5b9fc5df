package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTimeout bounds what a scrape asks of the database.
const scrapeTimeout = time.Second

// WorkflowCounter tells how many workflows there are of each status. It MUST
// end when ctx does. It is called at each scrape, perhaps by several at once.
type WorkflowCounter interface {
	CountWorkflows(ctx context.Context) (map[string]int64, error)
}

// Handler answers scrapes. Where workflows is nil, or does not answer within a
// second, the other metrics are answered without it.
func (m *Metrics) Handler(workflows WorkflowCounter, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gatherers := prometheus.Gatherers{m.registry}
		if workflows != nil {
			gatherers = append(gatherers, countWorkflows(r.Context(), workflows, logger))
		}
		promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// countWorkflows asks once and puts the answer into a registry that lives as
// long as the scrape.
func countWorkflows(ctx context.Context, workflows WorkflowCounter, logger *slog.Logger) *prometheus.Registry {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	up := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "workflows_counted", Help: "Whether the workflows could be counted for this scrape: 1, or 0 and there is no duolog_workflows.",
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(up)
	counts, err := workflows.CountWorkflows(ctx)
	if err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "workflows could not be counted for the metrics", slog.Any("error", err))
		return registry
	}
	up.Set(1)
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "workflows", Help: "Workflows that are not deleted, by status.",
	}, []string{"status"})
	registry.MustRegister(gauge)
	for status, n := range counts {
		gauge.WithLabelValues(status).Set(float64(n))
	}
	return registry
}
