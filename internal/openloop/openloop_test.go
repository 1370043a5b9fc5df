package openloop_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/duolog/duolog/internal/openloop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEachCallIsMadeOnce: every number comes once, not before its time, and
// errors are counted apart.
func TestEachCallIsMadeOnce(t *testing.T) {
	t.Parallel()
	const rate, calls = 1000, 300
	var seen [calls]atomic.Int32
	var early atomic.Int32
	odd := errors.New("odd")
	began := time.Now()
	r := openloop.Run(t.Context(), openloop.Load{Rate: rate, For: calls * time.Second / rate, Workers: 8, Do: func(_ context.Context, i int) error {
		seen[i].Add(1)
		if time.Since(began) < time.Duration(i)*time.Second/rate {
			early.Add(1)
		}
		if i%2 == 1 {
			return odd
		}
		return nil
	}})
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("call %d was made %d times", i, n)
		}
	}
	if early.Load() > 0 || len(r.Latencies) != calls/2 || r.Failed != calls/2 || !errors.Is(r.First, odd) || r.Missed != 0 {
		t.Errorf("%d early, %d without an error, %d failed (%v), %d missed", early.Load(), len(r.Latencies), r.Failed, r.First, r.Missed)
	}
}

// TestAStallIsInTheLatencies: one call that stalls makes the calls behind it
// late, and they are measured from when they were due.
func TestAStallIsInTheLatencies(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	r := openloop.Run(t.Context(), openloop.Load{Rate: 1000, For: 100 * time.Millisecond, Workers: 1, Do: func(_ context.Context, i int) error {
		if i == 0 {
			time.Sleep(stall)
		}
		return nil
	}})
	if len(r.Latencies) != 100 || r.Quantile(0) < stall/2 {
		t.Errorf("%d calls, the fastest took %s", len(r.Latencies), r.Quantile(0))
	}
}

// TestTooLateIsMissed: with patience, what cannot start in time is not made.
func TestTooLateIsMissed(t *testing.T) {
	t.Parallel()
	r := openloop.Run(t.Context(), openloop.Load{Rate: 1000, For: 100 * time.Millisecond, Workers: 1, Patience: time.Millisecond, Do: func(_ context.Context, i int) error {
		if i == 0 {
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}})
	if r.Missed != 99 || len(r.Latencies) != 1 {
		t.Errorf("%d missed, %d made", r.Missed, len(r.Latencies))
	}
}

// TestEndsWithItsContext: what was not due by then is missed.
func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := openloop.Run(ctx, openloop.Load{Rate: 100, For: time.Hour, Workers: 2, Do: func(_ context.Context, i int) error {
		if i == 3 {
			cancel()
		}
		return nil
	}})
	if made := len(r.Latencies); made < 4 || made > 5 || made+r.Missed != 100*3600 {
		t.Errorf("%d made, %d missed", made, r.Missed)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var r openloop.Result
	if r.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := range 100 {
		r.Latencies = append(r.Latencies, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := r.Quantile(q); got != want {
			t.Errorf("quantile %g is %d, not %d", q, got, want)
		}
	}
}
