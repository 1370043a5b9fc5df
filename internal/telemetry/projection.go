package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Projection counts what the projectors of this node do.
type Projection struct {
	records  *prometheus.CounterVec
	ignored  *prometheus.CounterVec
	took     *prometheus.HistogramVec
	registry prometheus.Registerer
}

func newProjection(f factory) Projection {
	p := Projection{
		records:  f.counter("projection_records_total", "Records of the journal that were projected, by partition.", "partition"),
		ignored:  f.counter("projection_ignored_total", "Projected records that admission ignored, by partition; the table of verdicts has the reasons.", "partition"),
		took:     f.seconds("projection_batch_duration_seconds", "Time to project one batch, its transaction included."),
		registry: f.registry,
	}
	return p
}

// Observe is told of each written batch.
func (p Projection) Observe(partition int32, records, ignored int, took time.Duration) {
	label := partitionLabel(partition)
	p.records.WithLabelValues(label).Add(float64(records))
	p.ignored.WithLabelValues(label).Add(float64(ignored))
	p.took.WithLabelValues().Observe(took.Seconds())
}

// Lag registers where it is read, at each scrape, how many records of each
// partition are not projected yet. read must answer at once, from memory; a
// partition it leaves out is not shown. It is called once.
func (p Projection) Lag(read func() map[int32]int64) {
	p.registry.MustRegister(lag{read: read, desc: prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "projection_lag_records"),
		"Records at the end of the journal that are not projected yet, by partition; only of partitions this node owns.",
		[]string{"partition"}, nil,
	)})
}

type lag struct {
	read func() map[int32]int64
	desc *prometheus.Desc
}

// Describe names the one metric.
func (l lag) Describe(out chan<- *prometheus.Desc) { out <- l.desc }

// Collect reads it.
func (l lag) Collect(out chan<- prometheus.Metric) {
	for partition, records := range l.read() {
		out <- prometheus.MustNewConstMetric(l.desc, prometheus.GaugeValue, float64(records), partitionLabel(partition))
	}
}
