package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
	"github.com/duolog/duolog/internal/openloop"
)

// postRate is how many checkpoints come a second where a latency is stated, and
// triggerRate how many triggers.
const postRate, triggerRate = 500, 100

// atOnce is how many calls may be under way. Those that wait longer for their turn
// have the wait in their latency.
const atOnce = 256

// offered makes calls at a fixed rate: p50 and p99 in milliseconds, from when each
// call was due. A call that failed counts as one that took for ever, and is told of.
func (b *bench) offered(ctx context.Context, rate float64, length time.Duration, call func(ctx context.Context, i int) error) (s sample, err error) {
	r := openloop.Run(ctx, openloop.Load{Rate: rate, For: length, Workers: atOnce, Do: call})
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	made := len(r.Latencies) + r.Failed
	if len(r.Latencies) == 0 {
		return s, errors.Join(errors.New("no call succeeded"), r.First)
	}
	if r.Failed > 0 {
		b.note("%d of %d calls failed, the first: %v", r.Failed, made, r.First)
	}
	if r.Took > length+length/2 {
		b.note("%g calls/s for %s took %s: latencies are those of a queue that grows", rate, length, r.Took.Round(time.Second/10))
	}
	quantile := func(q float64) float64 {
		rank := int(math.Ceil(q * float64(made)))
		if rank > len(r.Latencies) {
			return milliseconds(r.Took)
		}
		return milliseconds(r.Latencies[rank-1])
	}
	s.value, s.p99, s.done = quantile(0.5), quantile(0.99), float64(made)
	return s, nil
}

// looped makes calls one after another for so long: p50 and p99 in milliseconds.
func (b *bench) looped(ctx context.Context, length time.Duration, call func(ctx context.Context, i int) error) (s sample, err error) {
	var took []float64
	for began := b.now(); len(took) == 0 || b.now().Sub(began) < length; {
		from := b.now()
		if err := call(ctx, len(took)); err != nil {
			return s, err
		}
		took = append(took, milliseconds(b.now().Sub(from)))
	}
	s.value, s.p99, s.done = report.Median(took), percentile(took, 0.99), float64(len(took))
	return s, nil
}

// percentile is the smallest value that this share of all does not exceed.
func percentile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// note keeps what the reader of the table must know, and says it.
func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
	b.say(format, args...)
}

// stream posts from agents at a fixed rate.
func (b *bench) stream(name string, f *lab.Fleet, agents []*load.Agent) measure {
	runs := 0
	return func(ctx context.Context, length time.Duration) (sample, error) {
		free := make(chan *load.Agent, len(agents))
		for _, a := range agents {
			if err := a.Connect(ctx); err != nil {
				return sample{}, err
			}
			free <- a
		}
		defer closeAll(agents)
		profiled := b.startProfile(ctx, f, fmt.Sprintf("%s-%d", name, runs), length)
		runs++
		before := f.CPU()
		s, err := b.offered(ctx, postRate, length, func(ctx context.Context, _ int) error {
			a := <-free
			defer func() { free <- a }()
			err := a.Post()
			if err != nil {
				err = errors.Join(err, a.Connect(ctx))
			}
			return err
		})
		err = errors.Join(err, profiled(), f.Quiet(ctx))
		s.cpu = f.CPU().Since(before)
		return s, err
	}
}
