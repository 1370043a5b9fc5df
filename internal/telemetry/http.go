package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// HTTP counts the requests of the API.
type HTTP struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newHTTP(f factory) HTTP {
	return HTTP{
		requests: f.counter("http_requests_total", "Requests that were answered, by route pattern, method and status.", "route", "method", "status"),
		took:     f.seconds("http_request_duration_seconds", "Time from a request's header to the end of its answer, by route pattern and method.", "route", "method"),
	}
}

// Observe is told of each answered request. Route is the pattern that matched,
// empty where none did; the request's own path would be a label without end.
func (h HTTP) Observe(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	method = knownMethod(method)
	h.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	h.took.WithLabelValues(route, method).Observe(took.Seconds())
}

// knownMethod keeps a client from making up labels.
func knownMethod(method string) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}
