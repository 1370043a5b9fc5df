package kafka

import "github.com/rcrowley/go-metrics"

// unmeasured is a registry that keeps no meter, histogram or counter. Nobody reads
// sarama's: what Duolog says of itself it measures itself (internal/telemetry), and a
// sample of every request and record costs more than some of what it samples.
type unmeasured struct{ metrics.Registry }

// GetOrRegister implements metrics.Registry.
func (u unmeasured) GetOrRegister(name string, metric any) any {
	switch metric.(type) {
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	}
	return u.Registry.GetOrRegister(name, metric)
}
