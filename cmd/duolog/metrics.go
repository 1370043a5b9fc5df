package main

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/internal/telemetry"
	"github.com/duolog/duolog/projections/queries/operations"
)

// metrics feeds what the parts tell into the registry.
type metrics struct {
	*telemetry.Metrics

	node *node
}

func newMetrics(n *node) *metrics {
	m := &metrics{Metrics: telemetry.New(prometheus.NewRegistry(), build()), node: n}
	m.Projection.Lag(m.lag)
	m.Relay.Lag(m.relayLag)
	m.Log.GroupLag(m.groupLag)
	m.Log.Unsafe(func() bool { return n.log.Unsafe() != nil })
	m.Database.Pools(func() map[string]telemetry.Pool {
		return map[string]telemetry.Pool{"read": pool(n.db.Read), "write": pool(n.db.Write)}
	})
	m.Dispatch.QueueDepth(func() float64 { return float64(n.dispatch.Depth()) })
	return m
}

func pool(p *pgxpool.Pool) telemetry.Pool {
	s := p.Stat()
	return telemetry.Pool{InUse: s.AcquiredConns(), Idle: s.IdleConns(), Most: s.MaxConns(), Waited: s.EmptyAcquireWaitTime().Seconds()}
}

// brokerTimeout bounds what a scrape asks of the brokers.
const brokerTimeout = time.Second

// lag is how many records of each partition are not projected yet.
func (m *metrics) lag() map[int32]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), brokerTimeout)
	defer cancel()
	ends, err := m.node.log.Ends(ctx)
	if err != nil {
		return nil
	}
	for p, end := range ends {
		ends[p] = max(0, end-m.node.visible.Next(p))
	}
	return ends
}

// relayLag is how many projected records of each partition of this node are not
// published yet.
func (m *metrics) relayLag() map[int32]int64 {
	out := m.node.relay.Next()
	for p, next := range out {
		out[p] = max(0, m.node.visible.Next(p)-next)
	}
	return out
}

// groupLag is how far the consumer groups of this product are behind.
func (m *metrics) groupLag() map[string]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), brokerTimeout)
	defer cancel()
	out := map[string]int64{}
	for topic, groups := range map[string][]string{
		m.node.cfg.kafka.CommandsTopic(): {inbox.Group},
		m.node.cfg.kafka.EventsTopic():   m.node.sagaGroups,
	} {
		lag, err := m.node.log.GroupLag(ctx, topic, groups)
		if err != nil {
			return nil
		}
		maps.Copy(out, lag)
	}
	return out
}

// figures is what the database says at each scrape.
func (m *metrics) figures(ctx context.Context) (out telemetry.Figures, err error) {
	q := operations.New(m.node.db.Read)
	if out.Workflows, err = q.CountWorkflows(ctx); err != nil {
		return out, err
	}
	if out.Stopped, err = q.CountStopped(ctx); err != nil {
		return out, err
	}
	owners, err := q.Owners(ctx)
	if err != nil {
		return out, err
	}
	out.Unowned = int64(m.node.partitions) - int64(len(owners))
	owed, err := q.Owed(ctx)
	out.Owed = map[string]telemetry.Owed{}
	for _, kind := range []workflow.IntentKind{workflow.IntentRun, workflow.IntentStop, workflow.IntentDeliver} {
		out.Owed[string(kind)] = telemetry.Owed(owed[string(kind)])
	}
	return out, err
}

func (m *metrics) handler() http.Handler { return m.Handler(m.figures, m.node.cfg.logger) }

// refused is told of each trigger that a tenant's bound refused.
func (m *metrics) refused(tenant domain.Tenant) { m.Quota.Refused(string(tenant)) }

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
