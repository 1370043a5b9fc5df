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
	streams  *live
}

func newHTTP(f factory) HTTP {
	return HTTP{
		requests: f.counter("http_requests_total", "Requests that were answered, by route pattern, method and status.", "route", "method", "status"),
		took:     f.seconds("http_request_duration_seconds", "Time from a request's header to the end of its answer, by route pattern and method.", "route", "method"),
		streams:  f.live(prometheus.GaugeValue, "http_streams", "Clients that follow events over a connection that stays open (Server-Sent Events)."),
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

// Streams says where the number of open streams is read.
func (h HTTP) Streams(read func() int64) {
	h.streams.set(func(tell func(float64, ...string)) { tell(float64(read())) })
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
