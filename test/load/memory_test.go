//go:build load

package load_test

import (
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/openloop"
)

// TestMemoryIsBounded: checkpoints of 20 KB, all new, 500 a second. The process
// takes no more than 256 MiB, whatever the machine reaches, each answered
// checkpoint is there, and afterwards the process is at rest again.
func TestMemoryIsBounded(t *testing.T) {
	const rate, size, most = 500, 20 << 10, 256 << 20
	f := fleettest.NewFleet(t, 0)
	s := serve(t, f, "GOMEMLIMIT=192MiB")
	agents := newAgents(t, s, 64, size)
	rest := warm(t, s, agents)
	r := openloop.Run(t.Context(), openloop.Load{
		Rate: rate, For: form(20*time.Second, 2*time.Minute), Workers: len(agents), Patience: 5 * time.Second, Do: saving(pool(agents)),
	})
	peak := s.memory("VmHWM")
	t.Logf("offered %d/s of 20 KB for %s: %d saved (%.0f/s), %d failed, %d not sent; p50 %s, p99 %s; at most %s of memory",
		rate, form(20*time.Second, 2*time.Minute), len(r.Latencies), float64(len(r.Latencies))/r.Took.Seconds(), r.Failed, r.Missed,
		r.Quantile(.5).Round(time.Microsecond), r.Quantile(.99).Round(time.Microsecond), mib(peak))
	if r.Failed > 0 || len(r.Latencies) == 0 {
		t.Errorf("%d writes failed, the first with %v", r.Failed, r.First)
	}
	if peak > most {
		t.Errorf("it took %s of memory, %s is the most", mib(peak), mib(most))
	}
	shows(t, f, answeredTo(agents))
	hangUp(agents)
	s.settles(rest)
}
