package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Projection counts what the projectors of this node do.
type Projection struct {
	records *prometheus.CounterVec
	ignored *prometheus.CounterVec
	took    *prometheus.HistogramVec
	lag     *live
}

func newProjection(f factory) Projection {
	return Projection{
		records: f.counter("projection_records_total", "Records of the journal that were projected, by partition.", "partition"),
		ignored: f.counter("projection_ignored_total", "Projected records that admission ignored, by partition and reason; stale_parent is a race between nodes and harmless.", "partition", "reason"),
		took:    f.seconds("projection_batch_duration_seconds", "Time to project one batch, its transaction included."),
		lag:     f.live(prometheus.GaugeValue, "projection_lag_records", "Records at the end of the journal that the read models do not show yet, by partition, as this node knows; none while the brokers do not answer.", "partition"),
	}
}

// Observe is told of each written batch, and how many records of it were ignored
// for which reason.
func (p Projection) Observe(partition int32, records int, ignored map[string]int, took time.Duration) {
	label := partitionLabel(partition)
	p.records.WithLabelValues(label).Add(float64(records))
	p.took.WithLabelValues().Observe(took.Seconds())
	for reason, n := range ignored {
		p.ignored.WithLabelValues(label, reason).Add(float64(n))
	}
}

// Lag says where it is read how many records of each partition are not projected.
func (p Projection) Lag(read func() map[int32]int64) { p.lag.set(byPartition(read)) }

// Relay counts the events that this node publishes.
type Relay struct {
	events *prometheus.CounterVec
	lag    *live
}

func newRelay(f factory) Relay {
	return Relay{
		events: f.counter("relay_events_total", "Events that were published, by partition.", "partition"),
		lag:    f.live(prometheus.GaugeValue, "relay_lag_records", "Projected records whose events are not published yet, by partition, of the partitions this node owns.", "partition"),
	}
}

// Observe is told of each batch that was published.
func (r Relay) Observe(partition int32, events int) {
	r.events.WithLabelValues(partitionLabel(partition)).Add(float64(events))
}

// Lag says where it is read how far each partition is behind.
func (r Relay) Lag(read func() map[int32]int64) { r.lag.set(byPartition(read)) }
