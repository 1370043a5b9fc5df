package main

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/telemetry"
	"github.com/duolog/duolog/projections/queries/operations"
)

// metrics feeds what the parts tell into the registry.
type metrics struct {
	*telemetry.Metrics

	node *node
}

func newMetrics(n *node) *metrics {
	m := &metrics{Metrics: telemetry.New(prometheus.NewRegistry()), node: n}
	m.Projection.Lag(m.lag)
	m.Dispatch.QueueDepth(func() float64 { return float64(n.dispatch.Depth()) })
	return m
}

// lagTimeout bounds what a scrape asks of the brokers.
const lagTimeout = time.Second

// lag is how many records of each partition are not projected yet.
func (m *metrics) lag() map[int32]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	ends, err := m.node.log.Ends(ctx)
	if err != nil {
		return nil
	}
	out := maps.Clone(ends)
	for p, end := range ends {
		out[p] = max(0, end-m.node.visible.Next(p))
	}
	return out
}

func (m *metrics) handler() http.Handler {
	return m.Handler(operations.New(m.node.db.Read), m.node.cfg.logger)
}

// command is told what became of each command of the inbox.
func (m *metrics) command(outcome string) {
	if outcome != "ok" && outcome != "again" {
		m.Commands.Refused(outcome)
	}
}

// request is told of each answered request by its route: "POST /v1/messages".
func (m *metrics) request(route string, status int, took time.Duration) {
	method, path, _ := strings.Cut(route, " ")
	m.HTTP.Observe(path, method, status, took)
}

// measured is the log with its appends counted.
type measured struct {
	dispatch.Log

	observe func(records int, took time.Duration, err error)
	now     func() time.Time
}

func (l measured) Append(ctx context.Context, messages []journal.Message) ([]domain.Position, error) {
	began := l.now()
	at, err := l.Log.Append(ctx, messages)
	l.observe(len(messages), l.now().Sub(began), err)
	return at, err
}
