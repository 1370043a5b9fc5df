package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const namespace = "duolog"

// Metrics holds the metrics of all components of one node.
type Metrics struct {
	Append     Append
	Verdicts   Verdicts
	Projection Projection
	Dispatch   Dispatch
	HTTP       HTTP
	Effects    Effects
	Sagas      Sagas
	Commands   Commands

	registry *prometheus.Registry
}

// New registers everything, and the runtime's own metrics, in a registry that
// nobody else registers them in.
func New(registry *prometheus.Registry) *Metrics {
	m := factory{registry}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Metrics{
		Append: newAppend(m), Verdicts: newVerdicts(m), Projection: newProjection(m), Dispatch: Dispatch{registry},
		HTTP: newHTTP(m), Effects: newEffects(m), Sagas: newSagas(m), Commands: newCommands(m), registry: registry,
	}
}

// factory makes and registers. A clash of names is a mistake of this package
// and shows at the first start.
type factory struct {
	registry prometheus.Registerer
}

func (f factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.registry.MustRegister(c)
	return c
}

func (f factory) seconds(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		// 1 ms to 33 s: appends and answers from fast to beyond every deadline.
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
	}, labels)
	f.registry.MustRegister(h)
	return h
}

// Append counts what is written to the journal.
type Append struct {
	records *prometheus.CounterVec
	errors  *prometheus.CounterVec
	took    *prometheus.HistogramVec
}

func newAppend(f factory) Append {
	a := Append{
		records: f.counter("journal_append_records_total", "Records that the brokers acknowledged."),
		errors:  f.counter("journal_append_errors_total", "Appends that failed or whose outcome is unknown; each is appended again."),
		took:    f.seconds("journal_append_duration_seconds", "Time from the start of an append to its acknowledgement or error."),
	}
	a.records.WithLabelValues()
	a.errors.WithLabelValues()
	return a
}

// Observe is told of each append: how many records, how long, and its error.
func (a Append) Observe(records int, took time.Duration, err error) {
	a.took.WithLabelValues().Observe(took.Seconds())
	if err != nil {
		a.errors.WithLabelValues().Inc()
		return
	}
	a.records.WithLabelValues().Add(float64(records))
}

// Verdicts counts how commands ended.
type Verdicts struct {
	total *prometheus.CounterVec
}

func newVerdicts(f factory) Verdicts {
	return Verdicts{f.counter("verdicts_total", "Commands that the dispatcher answered, by outcome: accepted, already so, or the code of the refusal.", "outcome")}
}

// Observe is told of each verdict.
func (v Verdicts) Observe(outcome string) { v.total.WithLabelValues(outcome).Inc() }

// Effects counts what happens outside: runs started and stopped, deliveries.
type Effects struct {
	total *prometheus.CounterVec
}

func newEffects(f factory) Effects {
	return Effects{f.counter("effects_total", "Attempts of effects, by kind and outcome.", "kind", "outcome")}
}

// Observe is told of each attempt.
func (e Effects) Observe(kind, outcome string) { e.total.WithLabelValues(kind, outcome).Inc() }

// Sagas counts the events that sagas handled.
type Sagas struct {
	total *prometheus.CounterVec
}

func newSagas(f factory) Sagas {
	return Sagas{f.counter("sagas_handled_total", "Published events that a saga handled, by saga and outcome.", "saga", "outcome")}
}

// Observe is told of each event a saga is done with.
func (s Sagas) Observe(saga, outcome string) { s.total.WithLabelValues(saga, outcome).Inc() }

// Commands counts commands of the inbox that could not be taken.
type Commands struct {
	refused *prometheus.CounterVec
}

func newCommands(f factory) Commands {
	return Commands{f.counter("commands_refused_total", "Commands of the inbox that were moved to the topic of refused ones, by code.", "code")}
}

// Refused is told of each refused command.
func (c Commands) Refused(code string) { c.refused.WithLabelValues(code).Inc() }

// Dispatch shows how much waits to be decided.
type Dispatch struct {
	registry prometheus.Registerer
}

// QueueDepth registers where the number of waiting commands is read at each
// scrape. It is called once.
func (d Dispatch) QueueDepth(read func() float64) {
	d.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "dispatch_queue_depth", Help: "Commands that wait in this node to be decided.",
	}, read))
}

func partitionLabel(p int32) string { return strconv.FormatInt(int64(p), 10) }
