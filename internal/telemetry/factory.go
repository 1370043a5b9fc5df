package telemetry

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace = "duolog"

// Definition is one metric as it is documented.
type Definition struct {
	// Name is complete, Kind is counter, gauge or histogram.
	Name, Kind, Help string
	Labels           []string
}

// factory makes, registers and notes down. A clash of names is a mistake of this
// package and shows at the first start.
type factory struct {
	registry prometheus.Registerer
	// made are the definitions, nil where nobody asks.
	made *[]Definition
}

func (f factory) note(kind, name, help string, labels []string) {
	if f.made != nil {
		*f.made = append(*f.made, Definition{namespace + "_" + name, kind, help, labels})
	}
}

func (f factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	f.note("counter", name, help, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.registry.MustRegister(c)
	return c
}

func (f factory) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	f.note("gauge", name, help, labels)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.registry.MustRegister(g)
	return g
}

func (f factory) seconds(name, help string, labels ...string) *prometheus.HistogramVec {
	f.note("histogram", name, help, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		// 1 ms to 33 s: appends and answers from fast to beyond every deadline.
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
	}, labels)
	f.registry.MustRegister(h)
	return h
}

// live is a metric that is read at each scrape.
func (f factory) live(kind prometheus.ValueType, name, help string, labels ...string) *live {
	f.note(strings.ToLower(kind.ToDTO().String()), name, help, labels)
	l := &live{kind: kind, desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)}
	f.registry.MustRegister(l)
	return l
}

// Reading tells the values of a metric. It must answer at once, from memory or
// within a deadline of its own; what it leaves out is not shown.
type Reading func(tell func(value float64, labels ...string))

type live struct {
	kind prometheus.ValueType
	desc *prometheus.Desc
	read atomic.Pointer[Reading]
}

func (l *live) set(read Reading) { l.read.Store(&read) }

// Describe names the one metric.
func (l *live) Describe(out chan<- *prometheus.Desc) { out <- l.desc }

// Collect reads it.
func (l *live) Collect(out chan<- prometheus.Metric) {
	read := l.read.Load()
	if read == nil {
		return
	}
	(*read)(func(value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(l.desc, l.kind, value, labels...)
	})
}

// byPartition tells one value for each partition.
func byPartition(read func() map[int32]int64) Reading {
	return func(tell func(float64, ...string)) {
		for partition, n := range read() {
			tell(float64(n), partitionLabel(partition))
		}
	}
}

// Definitions are all metrics of a node, by name, beside those of Go's runtime
// and of the process.
func Definitions() []Definition {
	var made []Definition
	register(factory{prometheus.NewRegistry(), &made})
	newFigures(factory{prometheus.NewRegistry(), &made})
	slices.SortFunc(made, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	return made
}
