package openloop

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// Load is what to offer.
type Load struct {
	// Rate is in calls a second, evenly spaced, for the time of For.
	Rate float64
	For  time.Duration
	// Workers is the most calls at once. Too few, and calls start late; their
	// lateness is in their latency.
	Workers int
	// Patience is how late a call may start: later, it is missed and not made.
	// 0 means that every call is made.
	Patience time.Duration
	// Do is the call of a number, from 0. It is called by all workers.
	Do func(ctx context.Context, i int) error
}

// Result is what became of the calls.
type Result struct {
	// Latencies are those of the calls without an error, from when each was
	// due, ascending.
	Latencies []time.Duration
	// Failed is the number of calls with an error, First the error that came first.
	Failed int
	First  error
	// Missed is the number of calls that were not made.
	Missed int
	// Took is how long all of it took.
	Took time.Duration
}

// Quantile is the latency that the share q of the calls did not pass; 0 without
// calls.
func (r Result) Quantile(q float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	rank := int(math.Ceil(q*float64(len(r.Latencies)))) - 1
	return r.Latencies[min(max(rank, 0), len(r.Latencies)-1)]
}

// Run offers the load and returns when the last call has ended. When ctx ends,
// what was not started by then is missed.
func Run(ctx context.Context, l Load) Result {
	r := run{load: l, calls: int(l.Rate * l.For.Seconds()), began: time.Now()} //nolint:forbidigo // measuring is what this is for
	r.result.Latencies = make([]time.Duration, 0, r.calls)
	var workers sync.WaitGroup
	for range min(l.Workers, r.calls) {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	r.result.Missed = r.calls - len(r.result.Latencies) - r.result.Failed
	r.result.Took = time.Since(r.began)
	slices.Sort(r.result.Latencies)
	return r.result
}

type run struct {
	load  Load
	calls int
	began time.Time

	turn sync.Mutex // held by the worker that waits for the clock
	next int

	mu     sync.Mutex
	result Result
}

func (r *run) work(ctx context.Context) {
	for {
		i, due := r.take(ctx)
		if i < 0 {
			return
		}
		if p := r.load.Patience; p > 0 && time.Since(r.began)-due > p {
			continue
		}
		err := r.load.Do(ctx, i)
		r.note(time.Since(r.began)-due, err)
	}
}

// take waits until the next call is due; -1 when there is none.
func (r *run) take(ctx context.Context) (i int, due time.Duration) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.next == r.calls || ctx.Err() != nil {
		return -1, 0
	}
	due = time.Duration(float64(r.next) / r.load.Rate * float64(time.Second))
	if !sleep(ctx, due-time.Since(r.began)) {
		return -1, 0
	}
	r.next++
	return r.next - 1, due
}

func (r *run) note(latency time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.result.Latencies = append(r.result.Latencies, latency)
		return
	}
	if r.result.Failed++; r.result.First == nil {
		r.result.First = err
	}
}

// coarse is how far before its time a timer of the runtime is asked: it may
// come a millisecond late, which would be a part of every latency.
const coarse = 2 * time.Millisecond

// sleep waits that long, or says that ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d > coarse {
		timer := time.NewTimer(d - coarse)
		defer timer.Stop()
		began := time.Now() //nolint:forbidigo // as above
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
		d -= time.Since(began)
	}
	if d > 0 {
		fine(d)
	}
	return ctx.Err() == nil
}
