package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Log shows what is known of the log.
type Log struct{ unsafe, lag *live }

func newLog(f factory) Log {
	return Log{
		unsafe: f.live(prometheus.GaugeValue, "journal_unsafe", "Whether the log is not safe to be written, so that writes are refused: 1 or 0. What the nodes log and duolog doctor say why."),
		lag:    f.live(prometheus.GaugeValue, "consumer_group_lag_records", "Records that a consumer group of Duolog has not acknowledged yet, by group: the inbox over the commands, each saga over the events.", "group"),
	}
}

// Unsafe says where it is read whether the log is unsafe.
func (l Log) Unsafe(read func() bool) {
	l.unsafe.set(func(tell func(float64, ...string)) {
		value := 0.0
		if read() {
			value = 1
		}
		tell(value)
	})
}

// GroupLag says where it is read how far each group is behind.
func (l Log) GroupLag(read func() map[string]int64) {
	l.lag.set(func(tell func(float64, ...string)) {
		for group, n := range read() {
			tell(float64(n), group)
		}
	})
}

// Database shows the pools of connections.
type Database struct{ connections, waited *live }

func newDatabase(f factory) Database {
	return Database{
		connections: f.live(prometheus.GaugeValue, "database_connections", "Connections to the database, by pool and state: in_use, idle, and most, which is how many there may be.", "pool", "state"),
		waited:      f.live(prometheus.CounterValue, "database_wait_seconds_total", "Time that work waited for a connection, by pool.", "pool"),
	}
}

// Pool is the state of one pool.
type Pool struct {
	InUse, Idle, Most int32
	// Waited is in seconds.
	Waited float64
}

// Pools says where it is read how the pools are.
func (d Database) Pools(read func() map[string]Pool) {
	d.connections.set(func(tell func(float64, ...string)) {
		for name, p := range read() {
			tell(float64(p.InUse), name, "in_use")
			tell(float64(p.Idle), name, "idle")
			tell(float64(p.Most), name, "most")
		}
	})
	d.waited.set(func(tell func(float64, ...string)) {
		for name, p := range read() {
			tell(p.Waited, name)
		}
	})
}
