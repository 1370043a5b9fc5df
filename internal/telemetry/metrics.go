package telemetry

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics holds the metrics of all components of one node.
type Metrics struct {
	Append     Append
	Verdicts   Verdicts
	Projection Projection
	Dispatch   Dispatch
	HTTP       HTTP
	Quota      Quota
	Effects    Effects
	Relay      Relay
	Sagas      Sagas
	Commands   Commands
	Log        Log
	Database   Database

	registry *prometheus.Registry
}

// New registers everything, and the runtime's own metrics, in a registry that
// nobody else registers them in. build is the version of this program.
func New(registry *prometheus.Registry, build string) *Metrics {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m, info := register(factory{registry: registry})
	info.WithLabelValues(build, runtime.Version()).Set(1)
	m.registry = registry
	return m
}

func register(f factory) (*Metrics, *prometheus.GaugeVec) {
	return &Metrics{
		Append: newAppend(f), Verdicts: newVerdicts(f), Projection: newProjection(f), Dispatch: newDispatch(f), HTTP: newHTTP(f), Quota: newQuota(f),
		Effects: newEffects(f), Relay: newRelay(f), Sagas: newSagas(f), Commands: newCommands(f), Log: newLog(f), Database: newDatabase(f),
	}, f.gauge("build_info", "Which build this is: always 1.", "version", "go_version")
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
	return Verdicts{f.counter("verdicts_total", "Commands that the dispatcher answered, by type and outcome: accepted, already_so, or the code of the refusal.", "command", "outcome")}
}

// Observe is told of each verdict.
func (v Verdicts) Observe(command, outcome string) { v.total.WithLabelValues(command, outcome).Inc() }

// Dispatch shows how much waits to be decided.
type Dispatch struct{ depth *live }

func newDispatch(f factory) Dispatch {
	return Dispatch{f.live(prometheus.GaugeValue, "dispatch_queue_depth", "Commands that wait in this node to be decided.")}
}

// QueueDepth says where the number of waiting commands is read.
func (d Dispatch) QueueDepth(read func() float64) {
	d.depth.set(func(tell func(float64, ...string)) { tell(read()) })
}

// Quota counts what tenants were refused for their own sake.
type Quota struct{ refusals *prometheus.CounterVec }

func newQuota(f factory) Quota {
	return Quota{f.counter("quota_refusals_total", "Triggers that were refused with rate_limited because their tenant had too much under way or began too much, by tenant.", "tenant")}
}

// Refused is told of each refusal. Tenants are those of the configuration.
func (q Quota) Refused(tenant string) { q.refusals.WithLabelValues(tenant).Inc() }

// Effects counts what happens outside: runs started and stopped, deliveries.
type Effects struct {
	total *prometheus.CounterVec
}

func newEffects(f factory) Effects {
	return Effects{f.counter("effects_total", "Attempts of effects, by kind (run, stop, deliver) and outcome: done, claimed by another node, failed and tried again, left to a person.", "kind", "outcome")}
}

// Observe is told of each attempt.
func (e Effects) Observe(kind, outcome string) { e.total.WithLabelValues(kind, outcome).Inc() }

// Sagas counts the events that sagas handled.
type Sagas struct {
	total *prometheus.CounterVec
}

func newSagas(f factory) Sagas {
	return Sagas{f.counter("sagas_handled_total", "Published events that a saga handled, by saga and outcome: ok, again (it comes once more), unreadable (it is passed over).", "saga", "outcome")}
}

// Observe is told of each event a saga is done with.
func (s Sagas) Observe(saga, outcome string) { s.total.WithLabelValues(saga, outcome).Inc() }

// Commands counts the commands of the inbox.
type Commands struct {
	handled *prometheus.CounterVec
	refused *prometheus.CounterVec
}

func newCommands(f factory) Commands {
	return Commands{
		handled: f.counter("commands_handled_total", "Commands of the inbox, by outcome: ok, again (it comes once more), refused.", "outcome"),
		refused: f.counter("commands_refused_total", "Commands of the inbox that were moved to the topic of refused ones, by code.", "code"),
	}
}

// Observe is told what became of each command: ok, again, or the code of its
// refusal.
func (c Commands) Observe(outcome string) {
	switch outcome {
	case "ok", "again":
		c.handled.WithLabelValues(outcome).Inc()
	default:
		c.handled.WithLabelValues("refused").Inc()
		c.refused.WithLabelValues(outcome).Inc()
	}
}

func partitionLabel(p int32) string { return strconv.FormatInt(int64(p), 10) }
